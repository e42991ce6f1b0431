//! What can be wrong with a line of a trace.

/// The most bytes a line may have.
pub const MAX_LINE: usize = 1 << 20;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The source failed.
    #[error("cannot be read: {0}")]
    Io(String),
    /// Longer than [`MAX_LINE`].
    #[error("a line has at most {MAX_LINE} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("a line is UTF-8, and byte {0} of this one is not")]
    NotUtf8(usize),
    /// Not JSON, or not an object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// An object that is neither kind of line.
    #[error("neither an event (a field `event`) nor a beginning (a field `outlive`)")]
    Neither,
    /// A version of the format that is not known here.
    #[error("version {0} of the format is not known here; this is version 1")]
    Version(String),
    /// Not a beginning.
    #[error("not a beginning: {0}")]
    Begin(String),
    /// Not an event.
    #[error("not an event: {0}")]
    Event(String),
    /// Not an expectation.
    #[error("not an expectation: {0}")]
    Expect(String),
}
