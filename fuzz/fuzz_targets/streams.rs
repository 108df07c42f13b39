//! What clients send on streams: frames of SPDY inside of a WebSocket, messages with a channel, keys of a terminal; and scripts of a shell.
#![no_main]

use azlet::kube::streams::channels;
use azlet::kube::streams::shell::{Facts, Files, Shell};
use azlet::kube::streams::spdy::Reader;
use azlet::kube::streams::terminal::Terminal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::default();
    for piece in data.chunks(17) {
        reader.push(piece);
        while let Some(Ok(_)) = reader.frame() {}
    }
    let _ = channels::read(&data.to_vec().into(), true);
    let _ = Terminal::new(true).keys(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let facts = Facts { hostname: "p".into(), now: jiff::Timestamp::UNIX_EPOCH, user: (0, 0), absent: &[] };
        let mut shell = Shell::new(Files::new(Vec::new(), jiff::Timestamp::UNIX_EPOCH), Default::default(), "/", facts);
        let words = ["sh", "-c", text].map(str::to_owned);
        let _ = shell.exec(&words, bytes::Bytes::new());
    }
});
