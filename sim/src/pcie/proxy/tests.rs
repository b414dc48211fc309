//! The protocol, message by message, on a memory that remembers.

use super::*;
use std::collections::VecDeque;

/// What QEMU sends, and what it gets.
#[derive(Default)]
struct Socket {
    sent: VecDeque<u8>,
    answers: Vec<u8>,
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.sent.read(bytes)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.answers.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Socket {
    fn message(mut self, command: i32, body: &[u8]) -> Self {
        self.sent.extend(command.to_le_bytes());
        self.sent.extend([0xaa; 4]);
        self.sent.extend((body.len() as u64).to_le_bytes());
        self.sent.extend(body);
        self
    }

    fn config(self, command: i32, offset: u32, value: u32, length: u32) -> Self {
        let body: Vec<u8> = [offset, value, length]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        self.message(command, &body)
    }

    fn bar(self, command: i32, address: u64, value: u64, length: u32) -> Self {
        let mut body = address.to_le_bytes().to_vec();
        body.extend(value.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        self.message(command, &body)
    }

    /// Values answered; none for an answer without.
    fn values(&self) -> Vec<Option<u64>> {
        let mut values = Vec::new();
        let mut rest = &self.answers[..];
        while !rest.is_empty() {
            assert_eq!(part::<8>(rest, 0), 1u64.to_le_bytes());
            let size = u64::from_le_bytes(part(rest, 8)) as usize;
            assert!(size == 0 || size == 8);
            values.push((size == 8).then(|| u64::from_le_bytes(part(rest, 16))));
            rest = &rest[16 + size..];
        }
        values
    }
}

#[derive(Default)]
struct Memory(Vec<(u32, Vec<u8>)>);

impl BarMemory for Memory {
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), TransportError> {
        bytes.fill(offset as u8);
        Ok(())
    }
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), TransportError> {
        self.0.push((offset, bytes.to_vec()));
        Ok(())
    }
}

#[test]
fn a_guest_places_the_bar_and_reaches_what_lies_behind() {
    let mut socket = Socket::default()
        .message(SYNC_MEMORY, &[0; 200])
        .message(SET_INTERRUPT, &[])
        .config(CONFIG_WRITE, 0x10, 0xfe00_0000, 4)
        .config(CONFIG_READ, 0x10, 0, 4)
        .config(CONFIG_READ, 0x02, 0, 2)
        .bar(BAR_WRITE, 0xfe00_0010, 0x1122_3344_5566_7788, 8)
        .bar(BAR_WRITE, 0xfe00_0021, 0x99, 1)
        .bar(BAR_READ, 0xfe00_0004, u64::MAX, 4)
        .bar(BAR_READ, 0xfe1f_fffc, u64::MAX, 8)
        .bar(BAR_READ, 0xfdff_fffc, 0, 4)
        .message(RESET, &[])
        .config(CONFIG_READ, 0x10, 0, 4);
    let mut memory = Memory::default();
    let served = serve(&mut socket, &mut memory).unwrap();
    assert_eq!(
        served,
        Served {
            reads: 1,
            writes: 2,
            strays: 2
        }
    );
    let writes = vec![
        (0x10, 0x1122_3344_5566_7788u64.to_le_bytes().to_vec()),
        (0x21, vec![0x99]),
    ];
    assert_eq!(memory.0, writes);
    let values = [
        0,
        0xfe00_0000,
        0x5448,
        0,
        0,
        0x0404_0404,
        u64::MAX,
        u64::MAX,
    ];
    let mut expected: Vec<Option<u64>> = values.into_iter().map(Some).collect();
    expected.extend([None, Some(0)]);
    assert_eq!(socket.values(), expected);
}

#[test]
fn what_is_not_understood_ends_it_in_words() {
    let plain = Socket::default;
    for (socket, text) in [
        (plain().message(9, &[]), "command 9"),
        (plain().message(CONFIG_READ, &[0; 11]), "a body of 11 bytes"),
        (plain().message(BAR_READ, &[0; 19]), "a body of 19 bytes"),
        (plain().config(CONFIG_READ, 0, 0, 3), "access of 3 bytes"),
        (plain().bar(BAR_READ, 0, 0, 16), "access of 16 bytes"),
        (
            plain().message(SYNC_MEMORY, &[0; 257]),
            "a message of 257 bytes",
        ),
    ] {
        let mut socket = socket;
        let error = serve(&mut socket, &mut Memory::default()).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    let mut cut = plain().config(CONFIG_READ, 0, 0, 4);
    cut.sent.pop_back();
    assert!(matches!(
        serve(&mut cut, &mut Memory::default()),
        Err(ProxyError::Io(_))
    ));
}
