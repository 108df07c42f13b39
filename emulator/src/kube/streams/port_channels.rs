//! `portforward` without SPDY, as Python's client asks for it: each port has two channels of one WebSocket, data and errors, which begin with
//! the port's number. Rule: `kubelet/pkg/cri/streaming/portforward/websocket.go` (1.34).

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::port_forward::{connect, refused};
use super::sites;
use super::upgrade::Socket;
use crate::kube::error::Error;
use crate::kube::store::Cluster;
use crate::world::World;

/// The sub-protocol.
pub(super) const PROTOCOL: &str = "v4.channel.k8s.io";
/// So many ports have channels: their numbers are one byte.
const MOST_PORTS: usize = 127;

/// The ports that a query names: `ports=80&ports=443`, `ports=80,443`.
pub(super) fn ports(query: &str) -> Result<Vec<u16>, Error> {
    let named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "ports");
    let words: Vec<String> = named.flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>()).collect();
    if words.is_empty() {
        return Err(Error::bad_request("query parameter \"port\" is required"));
    }
    if words.len() > MOST_PORTS {
        return Err(Error::bad_request(format!(
            "at most {MOST_PORTS} ports can be forwarded at once; asked for: {}",
            words.len()
        )));
    }
    let port = |word: &String| word.parse::<u16>().ok().filter(|port| *port > 0);
    words.iter().map(|word| port(word).ok_or_else(|| Error::bad_request(format!("invalid port \"{word}\"")))).collect()
}

/// Serves a client until all its connections have ended.
pub(super) async fn run(world: &World, cluster: &Cluster, pod: &Value, ports: &[u16], mut socket: Socket) {
    let (given, mut receiver) = mpsc::channel(64);
    let mut connections: Vec<Option<mpsc::Sender<Bytes>>> = Vec::new();
    for (index, port) in (0_u8..).zip(ports) {
        let [low, high] = port.to_le_bytes();
        let mut messages = vec![vec![2 * index, low, high], vec![2 * index + 1, low, high]];
        let site = sites::at(cluster, pod, *port);
        if site.is_none() {
            messages.push([&[2 * index + 1], refused(world, pod, *port).as_bytes()].concat());
        }
        connections.push(site.map(|site| connect(u32::from(index), site, given.clone())));
        for message in messages {
            if socket.send(Message::binary(message)).await.is_err() {
                return;
            }
        }
    }
    let mut changes = cluster.subscribe();
    while connections.iter().any(Option::is_some) {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(message))) => {
                    let Some((channel, _)) = message.split_first() else { continue };
                    let connection = connections.get(usize::from(channel / 2)).and_then(Option::as_ref).filter(|_| channel % 2 == 0);
                    // What takes nothing for long is given up.
                    if connection.is_some_and(|to| matches!(to.try_send(message.slice(1..)), Err(mpsc::error::TrySendError::Full(_)))) {
                        break;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            Some((index, content)) = receiver.recv() => {
                let index = u8::try_from(index).unwrap_or(u8::MAX);
                if content.is_empty() {
                    if let Some(connection) = connections.get_mut(usize::from(index)) {
                        *connection = None;
                    }
                } else if socket.send(Message::binary([&[2 * index], &content[..]].concat())).await.is_err() {
                    return;
                }
            }
            changed = changes.changed() => if changed.is_err() || changes.borrow().closed {
                break;
            },
        }
    }
    let _ = socket.close(None).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_named_in_a_query() {
        let read = |query: &str| ports(query).map_err(|error| error.message);
        assert_eq!(read("ports=80,443&ports=8080&x=1"), Ok(vec![80, 443, 8080]));
        for wrong in ["", "ports=", "ports=0", "ports=70000", "ports=a", &format!("ports={}", vec!["1"; 128].join(","))] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
