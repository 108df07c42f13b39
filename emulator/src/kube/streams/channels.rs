//! Several streams in one WebSocket: each message begins with the number of its channel (`v4.channel.k8s.io`); in `v5` a message on 255 ends
//! one. Rule: `apimachinery/pkg/util/remotecommand`, `apiserver/pkg/util/proxy` (how the end is told).

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::upgrade::Socket;

/// The sub-protocols.
pub const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// The client's input.
pub const STDIN: u8 = 0;
/// The output.
pub const STDOUT: u8 = 1;
/// The errors.
pub const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;
/// A message carries at most so much.
const PIECE: usize = 32 * 1024;

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Input.
    Input(Bytes),
    /// There is no more input.
    EndOfInput,
}

/// The streams of a command or a container.
pub struct Channels {
    socket: Socket,
    ends: bool,
}

impl Channels {
    /// The streams in a WebSocket of this sub-protocol.
    pub fn new(socket: Socket, protocol: &str) -> Self {
        Self { socket, ends: protocol == PROTOCOLS[0] }
    }

    /// Whether clients can end their input.
    pub fn is_v5(&self) -> bool {
        self.ends
    }

    /// What comes next; nothing if the client has gone.
    pub async fn next(&mut self) -> Option<Said> {
        loop {
            let message = match self.socket.next().await? {
                Ok(Message::Binary(message)) => message,
                Ok(Message::Text(text)) => Bytes::from(text),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => continue,
            };
            if let Some(said) = read(&message, self.ends) {
                return Some(said);
            }
        }
    }

    /// Sends something on a channel. False if the client has gone.
    pub async fn send(&mut self, channel: u8, content: &[u8]) -> bool {
        let pieces = if content.is_empty() { vec![content] } else { content.chunks(PIECE).collect() };
        for piece in pieces {
            let mut message = Vec::with_capacity(piece.len() + 1);
            message.push(channel);
            message.extend_from_slice(piece);
            if self.socket.send(Message::binary(message)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Tells how it ended, and closes.
    pub async fn finish(mut self, status: &Value) {
        self.send(ERROR, status.to_string().as_bytes()).await;
        let _ = self.socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).await;
        // The client closes in its turn.
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// Reads a message: its channel, then what is said on it.
pub fn read(message: &Bytes, ends: bool) -> Option<Said> {
    let (channel, content) = (*message.first()?, message.slice(1..));
    match channel {
        STDIN => Some(Said::Input(content)),
        CLOSE if ends && content.first() == Some(&STDIN) => Some(Said::EndOfInput),
        // How wide a terminal is changes nothing here.
        RESIZE => None,
        _ => None,
    }
}

/// The end of a command with this exit code.
pub fn exited(code: i32) -> Value {
    if code == 0 {
        return json!({ "metadata": {}, "status": "Success" });
    }
    json!({
        "metadata": {}, "status": "Failure",
        "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
        "reason": "NonZeroExitCode",
        "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
    })
}

/// The end of what could not begin or go on.
pub fn failed(message: &str) -> Value {
    json!({
        "metadata": {}, "status": "Failure", "message": format!("Internal error occurred: {message}"), "reason": "InternalError",
        "details": { "causes": [{ "message": message }] }, "code": 500,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_their_channel() {
        let said = |message: &'static [u8], ends| read(&Bytes::from_static(message), ends);
        assert_eq!(said(b"\0ls", true), Some(Said::Input("ls".into())));
        assert_eq!(said(b"\xff\0", true), Some(Said::EndOfInput));
        for (message, ends) in [(b"\xff\0".as_slice(), false), (b"\x04{}", true), (b"", true), (b"\x09x", true), (b"\xff", true)]
        {
            assert_eq!(said(message, ends), None);
        }
    }
}
