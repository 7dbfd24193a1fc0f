//! One error type: what failed, whose fault it is, and what to do about it.

use std::fmt;

/// A result whose error is taqsim's own.
pub type Result<T> = std::result::Result<T, Error>;

/// Whose fault an error is; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something in the world failed: a source is missing, a disk is full, a clip cannot be decoded.
    World,
    /// The command line or the manifest is wrong.
    Usage,
    /// Hashes differ, or changes are present where none may be.
    Differs,
    /// The user asked to stop.
    Interrupted,
}

/// An error for people: a sentence with the thing in backticks and its cause, and hints on what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whose fault it is.
    pub kind: Kind,
    /// What failed: lower-case, no full stop, `verb the thing: cause`.
    pub message: String,
    /// What the user can do, one suggestion each.
    pub hints: Vec<String>,
    /// Which of a task's many inputs of one name is at fault: it knows their order alone.
    pub input: Option<usize>,
}

impl Error {
    /// Something in the world failed (exit code 1).
    pub fn world(message: impl Into<String>) -> Self {
        Self::new(Kind::World, message)
    }

    /// The command line or the manifest is wrong (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// What is there is not what was recorded (exit code 3).
    pub fn differs(message: impl Into<String>) -> Self {
        Self::new(Kind::Differs, message)
    }

    /// The user pressed Ctrl-C (exit code 130).
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// Reading `what` failed for `cause`.
    pub fn cannot_read(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::world(format!("cannot read `{what}`: {cause}"))
    }

    /// Writing `what` failed for `cause`.
    pub fn cannot_write(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::world(format!("cannot write `{what}`: {cause}"))
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says which of a task's many inputs of one name is at fault.
    #[must_use]
    pub fn of_input(mut self, input: usize) -> Self {
        self.input = Some(input);
        self
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), input: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
