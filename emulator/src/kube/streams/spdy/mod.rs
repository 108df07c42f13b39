//! Frames of SPDY/3.1: what `port-forward` speaks inside of a WebSocket's messages. Rule: the SPDY protocol's draft 3.1, sections 2.2 and 2.6,
//! as far as Kubernetes' clients use it: streams with headers and data, resets, pings, the going away. Settings and windows are read and
//! change nothing, as in those clients.

mod headers;

use bytes::{Buf as _, Bytes, BytesMut};

pub use headers::Headers;
use headers::{Inflater, deflated};

/// As long may a frame be.
const LONGEST: usize = 4 * 1024 * 1024;
const VERSION: u16 = 0x8003;
const FIN: u8 = 1;

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A stream begins.
    Begin {
        /// Its number.
        stream: u32,
        /// Its headers.
        headers: Headers,
        /// Whether nothing more comes on it.
        last: bool,
    },
    /// Data.
    Data {
        /// The stream's number.
        stream: u32,
        /// The content.
        content: Bytes,
        /// Whether nothing more comes on it.
        last: bool,
    },
    /// A stream is given up.
    Reset(u32),
    /// A question whether anyone is there.
    Ping(u32),
    /// No more streams come.
    GoAway,
    /// Something that changes nothing.
    Other,
}

/// Reads frames out of pieces.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
    inflater: Inflater,
}

impl Reader {
    /// Takes a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next frame, if it is whole.
    pub fn frame(&mut self) -> Option<Result<Frame, Malformed>> {
        let head = self.buffer.get(..8)?;
        let first = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let second = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let (flags, length) = (head[4], usize::try_from(second & 0x00ff_ffff).unwrap_or(usize::MAX));
        if length > LONGEST {
            return Some(Err(Malformed("a frame is too long")));
        }
        if self.buffer.len() < 8 + length {
            return None;
        }
        self.buffer.advance(8);
        let content = self.buffer.split_to(length).freeze();
        if first >> 31 == 0 {
            return Some(Ok(Frame::Data { stream: first, content, last: flags & FIN != 0 }));
        }
        let (version, kind) = ((first >> 16) as u16, first as u16);
        if version != VERSION {
            return Some(Err(Malformed("a frame is of another version of SPDY")));
        }
        Some(self.control(kind, flags, content))
    }

    fn control(&mut self, kind: u16, flags: u8, mut content: Bytes) -> Result<Frame, Malformed> {
        let short = Malformed("a frame is too short for its kind");
        let number = content.get(..4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) & 0x7fff_ffff);
        Ok(match kind {
            1 if content.len() >= 10 => {
                let stream = number.ok_or(short)?;
                content.advance(10);
                Frame::Begin { stream, headers: self.inflater.headers(&content)?, last: flags & FIN != 0 }
            }
            // Headers keep the state of their compression, whether anyone wants them or not.
            2 | 8 if content.len() >= 4 => {
                content.advance(4);
                self.inflater.headers(&content)?;
                Frame::Other
            }
            3 => Frame::Reset(number.ok_or(short)?),
            6 => content
                .get(..4)
                .map(|bytes| Frame::Ping(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
                .ok_or(short)?,
            7 => Frame::GoAway,
            1 | 2 | 8 => return Err(short),
            _ => Frame::Other,
        })
    }
}

/// Writes frames.
#[derive(Debug, Default)]
pub struct Writer {
    begun: bool,
}

impl Writer {
    fn control(kind: u16, flags: u8, content: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(content.len() + 8);
        frame.extend_from_slice(&VERSION.to_be_bytes());
        frame.extend_from_slice(&kind.to_be_bytes());
        frame.extend_from_slice(&length(flags, content.len()));
        frame.extend_from_slice(content);
        frame
    }

    /// A stream begins.
    pub fn begin(&mut self, stream: u32, headers: &Headers) -> Vec<u8> {
        let mut content = stream.to_be_bytes().to_vec();
        content.extend_from_slice(&[0; 6]);
        content.extend(deflated(headers, !std::mem::replace(&mut self.begun, true)));
        Self::control(1, 0, &content)
    }

    /// A stream is accepted.
    pub fn reply(&mut self, stream: u32) -> Vec<u8> {
        let mut content = stream.to_be_bytes().to_vec();
        content.extend(deflated(&Headers::new(), !std::mem::replace(&mut self.begun, true)));
        Self::control(2, 0, &content)
    }

    /// Data, and whether it is the last.
    pub fn data(stream: u32, content: &[u8], last: bool) -> Vec<u8> {
        let mut frame = Vec::with_capacity(content.len() + 8);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(&length(if last { FIN } else { 0 }, content.len()));
        frame.extend_from_slice(content);
        frame
    }

    /// A stream is refused or given up: 1 for a protocol error, 3 for a refusal, 5 for a cancellation.
    pub fn reset(stream: u32, status: u32) -> Vec<u8> {
        Self::control(3, 0, &[stream.to_be_bytes(), status.to_be_bytes()].concat())
    }

    /// The answer to a ping, or one.
    pub fn ping(number: u32) -> Vec<u8> {
        Self::control(6, 0, &number.to_be_bytes())
    }
}

fn length(flags: u8, length: usize) -> [u8; 4] {
    let [_, a, b, c] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [flags, a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_in_any_pieces() {
        let mut writer = Writer::default();
        let headers = vec![("streamtype".to_owned(), "data".to_owned()), ("port".to_owned(), "80".to_owned())];
        let bytes = [
            writer.begin(1, &headers),
            writer.reply(1),
            Writer::data(1, b"hello", true),
            Writer::ping(7),
            Writer::reset(3, 5),
            writer.begin(5, &headers),
        ]
        .concat();
        let mut reader = Reader::default();
        let mut frames = Vec::new();
        for piece in bytes.chunks(3) {
            reader.push(piece);
            while let Some(frame) = reader.frame() {
                frames.push(frame.expect("sound"));
            }
        }
        let begin = |stream| Frame::Begin { stream, headers: headers.clone(), last: false };
        let data = Frame::Data { stream: 1, content: "hello".into(), last: true };
        assert_eq!(frames, [begin(1), Frame::Other, data, Frame::Ping(7), Frame::Reset(3), begin(5)]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_a_fault(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut reader = Reader::default();
            reader.push(&[0x80, 3, 0, 1, 0, 0, 0, 100]);
            reader.push(&bytes);
            while let Some(Ok(_)) = reader.frame() {}
        }
    }
}
