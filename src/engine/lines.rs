//! Joins pieces of output into lines, for each stream separately.

use bytes::BytesMut;
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;

use super::client::EngineStream;
use super::error::EngineError;
use super::wire::frames::{Output, OutputStream};

/// A longer line is passed on in parts.
const LONGEST_LINE: usize = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub stream: OutputStream,
    /// When the engine read it, if timestamps were requested.
    pub time: Option<Timestamp>,
    /// Without the line end; invalid UTF-8 is replaced.
    pub text: String,
}

/// Joins pieces into lines. The engine cuts lines longer than 16 KiB into pieces, each with its own timestamp.
#[derive(Debug)]
pub(super) struct Splitter {
    timestamps: bool,
    tty: bool,
    stdout: Partial,
    stderr: Partial,
}

#[derive(Debug, Default)]
struct Partial {
    text: BytesMut,
    time: Option<Timestamp>,
}

impl Splitter {
    /// `timestamps`: whether the engine writes them; `tty`: whether a piece may begin inside a line.
    pub(super) fn new(timestamps: bool, tty: bool) -> Splitter {
        Splitter { timestamps, tty, stdout: Partial::default(), stderr: Partial::default() }
    }

    /// Adds a piece and returns the lines that are now complete.
    pub(super) fn feed(&mut self, output: &Output) -> Vec<LogLine> {
        let (timestamps, tty) = (self.timestamps, self.tty);
        let partial = self.partial(output.stream);
        let mut bytes = &output.bytes[..];
        if timestamps && !tty {
            let (time, rest) = timestamp(bytes);
            partial.time = partial.time.or(time);
            bytes = rest;
        }
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            partial.text.extend_from_slice(piece);
            if piece.ends_with(b"\n") || partial.text.len() >= LONGEST_LINE {
                lines.push(partial.take(output.stream, timestamps && tty));
            }
        }
        lines
    }

    /// The incomplete line at the end of the stream.
    pub(super) fn finish(&mut self) -> Vec<LogLine> {
        let in_text = self.timestamps && self.tty;
        [OutputStream::Stdout, OutputStream::Stderr]
            .into_iter()
            .filter_map(|stream| {
                let partial = self.partial(stream);
                (!partial.text.is_empty()).then(|| partial.take(stream, in_text))
            })
            .collect()
    }

    fn partial(&mut self, stream: OutputStream) -> &mut Partial {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }
}

impl Partial {
    fn take(&mut self, stream: OutputStream, time_in_text: bool) -> LogLine {
        let bytes = self.text.split();
        let mut text = &bytes[..];
        let mut time = self.time.take();
        if time_in_text {
            (time, text) = timestamp(text);
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        LogLine { stream, time, text: String::from_utf8_lossy(text).into_owned() }
    }
}

/// Splits a line into its timestamp and the rest.
fn timestamp(text: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let parse = || {
        let space = text.iter().take(64).position(|byte| *byte == b' ')?;
        let time = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
        Some((Some(time), &text[space + 1..]))
    };
    parse().unwrap_or((None, text))
}

/// The lines of a stream of pieces. Before an error, the incomplete line is passed on.
pub(super) fn split(
    outputs: EngineStream<Output>,
    splitter: Splitter,
) -> impl Stream<Item = Result<LogLine, EngineError>> + Send {
    stream::unfold((Some(outputs), splitter), |(outputs, mut splitter)| async move {
        let mut outputs = outputs?;
        let (lines, rest): (Vec<_>, _) = match outputs.next().await {
            Some(Ok(output)) => (splitter.feed(&output).into_iter().map(Ok).collect(), Some(outputs)),
            Some(Err(error)) => (splitter.finish().into_iter().map(Ok).chain([Err(error)]).collect(), None),
            None => (splitter.finish().into_iter().map(Ok).collect(), None),
        };
        Some((lines, (rest, splitter)))
    })
    .flat_map(stream::iter)
}

#[cfg(test)]
mod tests {
    use super::Splitter;
    use crate::engine::wire::frames::{Output, OutputStream};

    fn out(stream: OutputStream, text: &str) -> Output {
        Output { stream, bytes: bytes::Bytes::copy_from_slice(text.as_bytes()) }
    }

    #[test]
    fn lines_are_joined_for_each_stream_separately() {
        let mut splitter = Splitter::new(false, false);
        assert!(splitter.feed(&out(OutputStream::Stdout, "a")).is_empty());
        let lines = splitter.feed(&out(OutputStream::Stderr, "e\r\nf"));
        assert_eq!((lines.len(), lines[0].text.as_str()), (1, "e"));
        let lines = splitter.feed(&out(OutputStream::Stdout, "b\nc\nd"));
        let texts: Vec<_> = lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["ab", "c"]);
        let rest: Vec<_> = splitter.finish().into_iter().map(|l| (l.stream, l.text)).collect();
        assert_eq!(rest, [(OutputStream::Stdout, "d".to_owned()), (OutputStream::Stderr, "f".to_owned())]);
    }

    #[test]
    fn a_cut_line_keeps_its_first_timestamp_and_no_other() {
        let mut splitter = Splitter::new(true, false);
        assert!(splitter.feed(&out(OutputStream::Stdout, "2026-01-01T00:00:00.1Z ab")).is_empty());
        let lines = splitter.feed(&out(OutputStream::Stdout, "2026-01-01T00:00:00.2Z cd\n"));
        assert_eq!(lines[0].text, "abcd");
        assert_eq!(lines[0].time, Some("2026-01-01T00:00:00.1Z".parse().unwrap()));
    }

    #[test]
    fn with_a_terminal_timestamps_are_only_at_line_starts() {
        let mut splitter = Splitter::new(true, true);
        assert!(splitter.feed(&out(OutputStream::Stdout, "2026-01-01T00:0")).is_empty());
        let lines = splitter.feed(&out(OutputStream::Stdout, "0:00Z a b\r\n"));
        assert_eq!(lines[0].text, "a b");
        assert!(lines[0].time.is_some());
    }
}
