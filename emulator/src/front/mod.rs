//! One port for everything: tells TLS from HTTP by the first byte, is a CONNECT proxy, mints certificates by SNI, and hands each
//! request to the plane that its host belongs to.

pub mod conn;
