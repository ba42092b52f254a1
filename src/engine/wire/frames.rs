//! The engine's framing of stdout and stderr on one stream (Engine API, «attach»): 8 bytes of head, then the payload.

use bytes::{Buf, Bytes, BytesMut};

/// Which stream of a container a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputStream {
    /// Its standard output; with a terminal, everything.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// A piece of output, not cut at lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it came from.
    pub stream: OutputStream,
    /// The bytes as the program wrote them.
    pub bytes: Bytes,
}

/// Takes frames off the front of what has arrived.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: BytesMut,
    framed: bool,
}

impl Frames {
    /// For a stream with heads, or (with a terminal) one without.
    pub(crate) fn new(tty: bool) -> Frames {
        Frames { buffer: BytesMut::new(), framed: !tty }
    }

    /// Adds what arrived and returns what can be passed on now: whole frames, or with a terminal everything at once.
    ///
    /// # Errors
    /// A head that names no stream.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Output>, String> {
        self.buffer.extend_from_slice(chunk);
        let mut outputs = Vec::new();
        if !self.framed {
            if !self.buffer.is_empty() {
                outputs.push(Output { stream: OutputStream::Stdout, bytes: self.buffer.split().freeze() });
            }
            return Ok(outputs);
        }
        while let [kind, _, _, _, a, b, c, d, ..] = self.buffer[..] {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let stream = match kind {
                0 | 1 => OutputStream::Stdout,
                2 | 3 => OutputStream::Stderr,
                other => return Err(format!("a frame of unknown stream {other}")),
            };
            if self.buffer.len() < 8 + length {
                break;
            }
            self.buffer.advance(8);
            outputs.push(Output { stream, bytes: self.buffer.split_to(length).freeze() });
        }
        Ok(outputs)
    }

    /// Whether the stream stopped within a frame.
    pub(crate) fn is_torn(&self) -> bool {
        !self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, OutputStream};

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 0, 0];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let mut wire = frame(1, b"out\n");
        wire.extend(frame(2, b"err\n"));
        wire.extend(frame(1, b""));
        for size in 1..wire.len() {
            let mut frames = Frames::new(false);
            let mut seen = Vec::new();
            for chunk in wire.chunks(size) {
                seen.extend(frames.feed(chunk).unwrap());
            }
            let seen: Vec<_> = seen.iter().map(|o| (o.stream, &o.bytes[..])).collect();
            assert_eq!(
                seen,
                [
                    (OutputStream::Stdout, &b"out\n"[..]),
                    (OutputStream::Stderr, b"err\n"),
                    (OutputStream::Stdout, b"")
                ]
            );
            assert!(!frames.is_torn());
        }
    }

    #[test]
    fn a_terminal_has_no_frames_and_no_delay() {
        let mut frames = Frames::new(true);
        let seen = frames.feed(b"prompt> ").unwrap();
        assert_eq!(&seen[0].bytes[..], b"prompt> ");
    }

    #[test]
    fn an_unknown_stream_is_an_error_and_never_a_panic() {
        assert!(Frames::new(false).feed(&frame(9, b"x")).is_err());
    }
}
