//! The engine's frames of stdout and stderr on one stream (Engine API, «attach»): 8 bytes of header, then the payload.

use bytes::{Buf, Bytes, BytesMut};

/// A stream of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputStream {
    /// With a terminal, all output.
    Stdout,
    Stderr,
}

/// A piece of output; it need not end at a line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub stream: OutputStream,
    /// As the program wrote them.
    pub bytes: Bytes,
}

/// Reads frames from bytes that arrive in any pieces.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: BytesMut,
    framed: bool,
}

impl Frames {
    /// With a terminal, the stream has no headers.
    pub(crate) fn new(tty: bool) -> Frames {
        Frames { buffer: BytesMut::new(), framed: !tty }
    }

    /// Adds bytes and returns the complete frames; with a terminal, all bytes.
    ///
    /// # Errors
    /// The header has an unknown stream.
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

    /// Whether the stream ended inside a frame.
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
    fn frames_are_complete_for_any_pieces() {
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
