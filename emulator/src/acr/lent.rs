//! What a handler leaves of a request's body. A connection whose request was not read to its end cannot carry another one; if it is
//! closed while the client thinks it good, the client's next request is lost, and one that may not be sent twice fails. So a rest
//! that is small is read and thrown away, and a connection with a large one is closed by word.
//! Source: RFC 9112 §9.3 and §9.6; Go's server does the same with smaller rests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::timeout;

/// So much of a rest is read: more than a manifest that is too large by some, far less than a layer.
const SMALL: usize = 16 * 1024 * 1024;

/// So long a rest is waited for.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A body that goes to its place when its reader is done with it.
struct Lent {
    body: Body,
    place: Arc<Mutex<Option<Body>>>,
}

/// The place to which a lent body returns.
pub struct Rest(Option<Arc<Mutex<Option<Body>>>>);

/// Lends a body to a handler.
pub fn lend(body: Body) -> (Body, Rest) {
    if body.is_end_stream() {
        return (body, Rest(None));
    }
    let place = Arc::new(Mutex::new(None));
    (Body::new(Lent { body, place: place.clone() }), Rest(Some(place)))
}

impl Rest {
    /// Reads what is left; false if that is too much, or does not come: a client that waits for `100 Continue` sends nothing
    /// without it.
    pub async fn read(self, waits: bool, patience: Duration) -> bool {
        let Some(body) = self.0.and_then(|place| place.lock().take()).filter(|body| !body.is_end_stream()) else {
            return true;
        };
        !waits && timeout(patience, Self::drain(body)).await.unwrap_or(false)
    }

    async fn drain(mut body: Body) -> bool {
        let mut left = SMALL;
        loop {
            match body.frame().await {
                None => return true,
                Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(less) => left = less,
                    None => return false,
                },
                Some(Err(_)) => return false,
            }
        }
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None) = polled {
            self.body = Body::empty();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.place.lock() = Some(std::mem::take(&mut self.body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rest_after(size: usize, read: usize, waits: bool) -> bool {
        let pieces = (0..size).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1024])));
        let (mut body, rest) = lend(Body::from_stream(futures_util::stream::iter(pieces)));
        for _ in 0..read {
            body.frame().await.expect("a frame").expect("good");
        }
        drop(body);
        rest.read(waits, PATIENCE).await
    }

    #[tokio::test]
    async fn a_small_rest_is_read_and_a_large_one_left() {
        assert!(rest_after(10, 10, false).await);
        assert!(rest_after(10, 3, false).await);
        assert!(rest_after(SMALL / 1024, 0, false).await);
        assert!(!rest_after(SMALL / 1024 + 1, 0, false).await);
        assert!(!rest_after(10, 0, true).await);
        assert!(rest_after(0, 0, false).await);
        let (body, rest) = lend(Body::empty());
        drop(body);
        assert!(rest.read(true, PATIENCE).await, "nothing is left of nothing");
        let (body, rest) = lend(Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>()));
        drop(body);
        assert!(!rest.read(false, Duration::from_millis(1)).await, "what does not come is not waited for");
    }
}
