//! An HTTP/2 request that is malformed, such as one with a raw space in its path, is answered 400 instead of having its stream reset:
//! some clients (Azure's SDK for Go, whose `$filter` of role assignments is not encoded) send such requests, and take a reset for a
//! failure of the network that is worth retrying.
//!
//! Source: RFC 9113, section 8.1.1 (a server may answer a malformed request before it closes the stream), and the page that users of
//! Azure have quoted (azure-sdk-for-go#20847). Over HTTP/1.1 the answer is hyper's own 400, without the page.
//!
//! What the HTTP/2 library writes goes through here frame by frame. A reset for a protocol error of a stream that has not been answered
//! gives way to the answer; everything else passes as it is. The answer's headers use no dynamic table, so that the library's stays
//! true; the few bytes of its body are not in the library's count of the flow, which only makes it a little careful.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A frame's header: length, type, flags, stream (RFC 9113, section 4.1).
const HEADER: usize = 9;
/// A reset is a header and a code.
const RESET: usize = HEADER + 4;
const DATA_FRAME: u8 = 0;
const HEADERS_FRAME: u8 = 1;
const RESET_FRAME: u8 = 3;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The code PROTOCOL_ERROR (RFC 9113, section 7).
const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];

/// The page.
const PAGE: &[u8] = b"<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
<HTML><HEAD><TITLE>Bad Request</TITLE>\r\n<META HTTP-EQUIV=\"Content-Type\" Content=\"text/html; charset=us-ascii\"></HEAD>\r\n\
<BODY><h2>Bad Request</h2>\r\n<hr><p>HTTP Error 400. The request is badly formed.</p>\r\n</BODY></HTML>\r\n";

/// `:status: 400`, `content-type: text/html; charset=us-ascii`, `content-length: 311` by RFC 7541: the first from the static table,
/// the others literals with a name from there and no place in the dynamic one.
const FIELDS: &[u8] = b"\x8c\x0f\x10\x1btext/html; charset=us-ascii\x0f\x0d\x03311";

/// The stream that answers what is malformed.
pub(super) struct Answering<S> {
    inner: S,
    /// What has been taken and not yet been written.
    out: BytesMut,
    /// The header of the frame that is passing, or all of a reset.
    frame: Vec<u8>,
    /// How much of the frame's payload is still to come.
    left: usize,
    /// The streams whose answer has begun and not ended.
    answered: HashSet<u32>,
}

impl<S> Answering<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, out: BytesMut::new(), frame: Vec::with_capacity(RESET), left: 0, answered: HashSet::new() }
    }

    /// Takes what the library writes, frame by frame.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (passing, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.out.extend_from_slice(passing);
                self.left -= passing.len();
                bytes = rest;
                continue;
            }
            let wanted = if self.frame.get(3) == Some(&RESET_FRAME) { RESET } else { HEADER };
            let (more, rest) = bytes.split_at((wanted - self.frame.len()).min(bytes.len()));
            self.frame.extend_from_slice(more);
            bytes = rest;
            self.pass();
        }
    }

    /// Lets the frame's header pass, or all of a reset, once it is complete.
    fn pass(&mut self) {
        let Some((&[a, b, c, kind, flags, s1, s2, s3, s4], code)) = self.frame.split_first_chunk::<HEADER>() else { return };
        let stream = u32::from_be_bytes([s1, s2, s3, s4]);
        match kind {
            RESET_FRAME if self.frame.len() < RESET => return,
            RESET_FRAME => {
                let malformed = code == PROTOCOL_ERROR;
                if !self.answered.remove(&stream) && malformed {
                    self.answer(stream);
                } else {
                    self.out.extend_from_slice(&self.frame);
                }
            }
            _ => {
                if [HEADERS_FRAME, DATA_FRAME].contains(&kind) && flags & END_STREAM != 0 {
                    self.answered.remove(&stream);
                } else if kind == HEADERS_FRAME {
                    self.answered.insert(stream);
                }
                self.left = u32::from_be_bytes([0, a, b, c]) as usize;
                self.out.extend_from_slice(&self.frame);
            }
        }
        self.frame.clear();
    }

    fn answer(&mut self, stream: u32) {
        for (kind, flags, payload) in [(HEADERS_FRAME, END_HEADERS, FIELDS), (DATA_FRAME, END_STREAM, PAGE)] {
            let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
            self.out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
            self.out.extend_from_slice(&stream.to_be_bytes());
            self.out.extend_from_slice(payload);
        }
    }
}

impl<S: AsyncWrite + Unpin> Answering<S> {
    /// Writes what has been taken.
    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_write(context, &self.out))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.out.advance(count),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Answering<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Answering<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.drain(context))?;
        self.take(buffer);
        // What cannot be written at once is written before the next, or when flushed.
        if let Poll::Ready(Err(error)) = self.drain(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a stream.
    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, u8::try_from(payload.len()).expect("a short one"), kind, flags, 0, 0, 0, stream];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn only_resets_of_what_is_malformed_and_unanswered_give_way_however_the_bytes_come() {
        let passing = [
            frame(4, 0, 0, b""),
            frame(HEADERS_FRAME, END_HEADERS, 1, b"fields"),
            frame(RESET_FRAME, 0, 1, &PROTOCOL_ERROR),
            frame(RESET_FRAME, 0, 5, &[0, 0, 0, 8]),
        ]
        .concat();
        let malformed = frame(RESET_FRAME, 0, 3, &PROTOCOL_ERROR);
        let after = frame(DATA_FRAME, END_STREAM, 7, b"body");
        for step in [1, 2, 7, 1000] {
            let mut stream = Answering::new(());
            [passing.clone(), malformed.clone(), after.clone()].concat().chunks(step).for_each(|chunk| stream.take(chunk));
            let out = stream.out.to_vec();
            let answer = &out[passing.len()..out.len() - after.len()];
            assert!(out.starts_with(&passing) && out.ends_with(&after), "{step}");
            assert_eq!(&answer[..HEADER], &frame(HEADERS_FRAME, END_HEADERS, 3, FIELDS)[..HEADER]);
            assert!(answer.ends_with(PAGE) && stream.answered.is_empty(), "{step}");
        }
        assert_eq!(PAGE.len(), 311);
    }
}
