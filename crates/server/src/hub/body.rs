//! Bodies: what prompts and outputs say. The machine never sees them.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use outlive::ids::{ClientId, Digest, PrincipalId};

/// JSON on one line. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// A value as JSON.
    ///
    /// # Errors
    /// The value has no JSON form.
    pub fn of(value: &impl Serialize) -> serde_json::Result<Body> {
        // A raw value in it is written as it came.
        serde_json::to_vec(value).map(Body::made)
    }

    /// JSON as it was received. Line breaks in it mean nothing, and become spaces.
    pub fn raw(json: &RawValue) -> Body {
        Body::made(Vec::from(json.get()))
    }

    fn made(mut json: Vec<u8>) -> Body {
        one_line(&mut json);
        Body(json.into())
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        // It was made of text; a body that was not would be empty JSON.
        core::str::from_utf8(&self.0).unwrap_or("null")
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The value.
    ///
    /// # Errors
    /// The JSON is of another form.
    pub fn deserialize<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.0)
    }

    /// What stands for the body in the machine: the same after a restart, on every platform, and whatever
    /// space is between its tokens. It is stored: another form of it would make a conflict of every prompt
    /// that is sent again over an upgrade.
    pub(crate) fn digest(&self) -> Digest {
        Digest(first_64(tokens(&self.0)))
    }

    pub(crate) fn raw_value(&self) -> &RawValue {
        serde_json::from_slice(&self.0).unwrap_or(RawValue::NULL)
    }
}

/// Line breaks stand between the tokens of JSON only, and mean nothing there.
pub(super) fn one_line(json: &mut [u8]) {
    let breaks = |byte: u8| byte == b'\n' || byte == b'\r';
    // Many at a time: hardly ever is there one.
    if json.iter().fold(false, |any, byte| any | breaks(*byte)) {
        json.iter_mut().filter(|byte| breaks(**byte)).for_each(|byte| *byte = b' ');
    }
}

/// The id of a client in a session, made of its principal and of its own name for itself. So a client that uses
/// another principal's client name does not take that client's place.
pub(crate) fn client_id(principal: &str, client: &str) -> ClientId {
    let length = u64::try_from(principal.len()).unwrap_or(u64::MAX).to_be_bytes();
    ClientId(first_64([&length, principal.as_bytes(), client.as_bytes()]))
}

/// The id of a principal. In a session those that share it, which is as good as impossible, share what one may use.
pub(super) fn principal_id(principal: &str) -> PrincipalId {
    PrincipalId(first_64([principal.as_bytes()]))
}

/// JSON without the space that means nothing: what is not in a string.
fn tokens(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    json.split(move |byte| {
        let free = escaped;
        escaped = false;
        match byte {
            b'\\' => escaped = quoted && !free,
            b'"' if !free => quoted = !quoted,
            b' ' | b'\t' | b'\n' | b'\r' => return !quoted,
            _ => {}
        }
        false
    })
}

fn first_64<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

/// A client's own name for itself, or why it is none.
pub(crate) fn client_name(name: &str) -> Result<&str, String> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err("a client's name is 1 to 64 bytes of text without control characters".into());
    }
    Ok(name)
}
