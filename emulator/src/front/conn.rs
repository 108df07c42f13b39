//! What is known about where a request came in: a request extension that every plane can read.

use std::net::SocketAddr;

/// Where a request came in.
#[derive(Clone, Debug)]
pub struct Conn {
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The host asked for, in lower case, with its port if it is not the scheme's own.
    pub authority: String,
    /// Who is at the other end of the connection.
    pub peer: SocketAddr,
}

impl Conn {
    /// The host without its port.
    pub fn host(&self) -> &str {
        self.authority.rsplit_once(':').map_or(&self.authority, |(host, _)| host)
    }

    /// Scheme and authority: what absolute URLs in answers begin with.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}
