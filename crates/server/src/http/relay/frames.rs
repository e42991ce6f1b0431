//! Where the frames of a WebSocket begin and end, in bytes that are passed on as they are.

/// What came before the payload: at most the first two bytes, a length of eight, and a mask.
const HEAD: usize = 14;

/// The opcode of a close frame.
const CLOSE: u8 = 8;

/// Follows the frames of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// Bytes of the head that came.
    have: usize,
    /// Bytes of the payload that have yet to come.
    left: u64,
    closed: bool,
}

impl Frames {
    /// Whether another frame may be put here: the last one is whole.
    pub(super) fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Whether a close frame has gone through, behind which no other frame may come.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// These bytes went through.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.take(bytes)..];
        }
    }

    /// How many of these bytes belong to the frame that is under way, or to the next one.
    pub(super) fn rest(&self, bytes: &[u8]) -> usize {
        self.clone().take(bytes)
    }

    /// Takes bytes up to the end of one frame. Returns how many.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.left == 0 {
            let Some(byte) = bytes.get(taken) else { return taken };
            (self.head[self.have], self.have) = (*byte, self.have + 1);
            taken += 1;
            if let Some(length) = length(&self.head[..self.have]) {
                (self.have, self.left) = (0, length);
                if length == 0 {
                    self.end();
                    return taken;
                }
            }
        }
        let more = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - taken);
        self.left -= more as u64;
        if self.left == 0 {
            self.end();
        }
        taken + more
    }

    fn end(&mut self) {
        self.closed |= self.head[0] & 0x0f == CLOSE;
    }
}

/// The length of the payload, if the head is whole.
fn length(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let (extended, mask) = (second & 0x7f, if second & 0x80 == 0 { 0 } else { 4 });
    let long = match extended {
        127 => 8,
        126 => 2,
        0..=125 | 128.. => 0,
    };
    (head.len() == 2 + long + mask).then(|| match long {
        0 => u64::from(extended),
        _ => head[2..2 + long].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    })
}

/// A close frame of a server.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    // The reasons of ours are far shorter than what a control frame takes.
    let reason = &reason.as_bytes()[..reason.len().min(123)];
    let length = u8::try_from(2 + reason.len()).unwrap_or(125);
    [&[0x80 | CLOSE, length][..], &code.to_be_bytes(), reason].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a server.
    fn frame(opcode: u8, payload: usize) -> Vec<u8> {
        let mut frame = std::vec![0x80 | opcode];
        match payload {
            0..126 => frame.push(u8::try_from(payload).unwrap()),
            126..0x1_0000 => {
                frame.push(126);
                frame.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        // Bytes that look like the head of a close frame.
        frame.extend(std::iter::repeat_n(0x88, payload));
        frame
    }

    #[test]
    fn frames_of_every_length_are_told_apart_however_they_are_cut() {
        let sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000, 0];
        let whole: Vec<Vec<u8>> = sizes.iter().map(|size| frame(1, *size)).collect();
        let bytes = whole.concat();
        let mut ends = std::vec![0];
        for one in &whole {
            ends.push(ends[ends.len() - 1] + one.len());
        }
        for cut in [1, 2, 3, 7, 1_000, bytes.len()] {
            let (mut frames, mut at) = (Frames::default(), 0);
            for piece in bytes.chunks(cut) {
                let end = ends.iter().find(|end| **end > at).unwrap();
                assert_eq!(frames.rest(&bytes[at..]), end - at);
                frames.advance(piece);
                at += piece.len();
                assert_eq!(frames.is_between(), ends.contains(&at), "at {at}, in pieces of {cut}");
            }
            assert!(!frames.is_closed());
        }
    }

    #[test]
    fn a_close_frame_counts_when_all_of_it_went_through() {
        let mut frames = Frames::default();
        let close = close(4200, "moved");
        frames.advance(&close[..5]);
        assert!(!frames.is_closed() && !frames.is_between());
        frames.advance(&close[5..]);
        assert!(frames.is_closed() && frames.is_between());
        let mut frames = Frames::default();
        frames.advance(&[0x88, 0]);
        assert!(frames.is_closed(), "without a code");
    }
}
