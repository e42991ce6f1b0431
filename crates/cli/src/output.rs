//! What is printed, and where.

use std::io::{self, ErrorKind, Write};

use crate::Exit;

/// Prints a command's answer and ends with `exit`. A reader that has read enough (`| head`) is no error.
pub(crate) fn say(text: &str, exit: Exit) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            fail(&format!("the answer cannot be written: {error}"))
        }
        Ok(()) | Err(_) => exit,
    }
}

/// Prints what was wrong with the input, and what would be right.
pub(crate) fn fail(text: &str) -> Exit {
    // There is no other place to report that the complaint could not be written.
    let _ = writeln!(io::stderr(), "error: {text}");
    Exit::Unusable
}

/// A number in groups of three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
