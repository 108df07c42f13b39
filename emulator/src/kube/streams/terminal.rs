//! What a terminal does with keys before a program sees a line (POSIX, General Terminal Interface): echo, erase, end of file, interrupt.

/// What keys led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Shown to who types.
    Echo(Vec<u8>),
    /// A line, without its end.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D at the begin of a line.
    End,
}

/// A line that is being typed.
#[derive(Debug, Default)]
pub struct Terminal {
    line: Vec<u8>,
    tty: bool,
}

/// A line may be this long.
const LONGEST: usize = 64 * 1024;

impl Terminal {
    /// A terminal; without `tty`, plain lines that nobody sees being typed.
    pub fn new(tty: bool) -> Self {
        Self { line: Vec::new(), tty }
    }

    /// Takes keys.
    pub fn keys(&mut self, keys: &[u8]) -> Vec<Event> {
        let (mut events, mut echo) = (Vec::new(), Vec::new());
        for key in keys {
            match (key, self.tty) {
                (b'\n', _) | (b'\r', true) => {
                    if self.tty {
                        echo.extend_from_slice(b"\r\n");
                        events.push(Event::Echo(std::mem::take(&mut echo)));
                    }
                    events.push(Event::Line(self.take()));
                }
                (0x7f | 0x08, true) => {
                    if self.line.pop().is_some() {
                        echo.extend_from_slice(b"\x08 \x08");
                    }
                }
                (0x03, true) => {
                    self.line.clear();
                    echo.extend_from_slice(b"^C\r\n");
                    events.push(Event::Echo(std::mem::take(&mut echo)));
                    events.push(Event::Interrupt);
                }
                (0x04, true) if self.line.is_empty() => events.push(Event::End),
                (0x04, true) => {}
                _ if self.line.len() >= LONGEST => {}
                (key, tty) => {
                    self.line.push(*key);
                    if tty {
                        echo.push(*key);
                    }
                }
            }
        }
        if !echo.is_empty() {
            events.push(Event::Echo(echo));
        }
        events
    }

    /// What has been typed of a line that has no end.
    pub fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned()
    }
}

/// Output as a terminal shows it: lines end with a carriage return too.
pub fn shown(bytes: &[u8], tty: bool) -> Vec<u8> {
    if !tty {
        return bytes.to_vec();
    }
    let mut result = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' {
            result.push(b'\r');
        }
        result.push(*byte);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_lines() {
        let mut terminal = Terminal::new(true);
        let events = terminal.keys(b"lx\x7fs\r\x04");
        let echo = |text: &[u8]| Event::Echo(text.to_vec());
        assert_eq!(events, [echo(b"lx\x08 \x08s\r\n"), Event::Line("ls".into()), Event::End]);
        assert_eq!(terminal.keys(b"a\x03"), [echo(b"a^C\r\n"), Event::Interrupt]);
        assert_eq!(Terminal::new(false).keys(b"a\x03\nb"), [Event::Line("a\u{3}".into())]);
        assert_eq!(shown(b"a\n", true), b"a\r\n");
    }
}
