//! The one error type, and how errors read.
//!
//! A message says `<path>: <what was found>; expected <what>` in lower case, without a full stop. Where we know what
//! the user can do, [`Error::help`] says it: a flag or a command. A [`Kind`] exists for what somebody branches on (the
//! program's exit codes); all else is text.

use std::fmt;

/// A `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as far as a caller may want to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A broken invariant of ours.
    Internal,
    /// Options that make no sense, alone or together.
    Usage,
    /// A source that cannot be read, is damaged, or has no coordinate reference system.
    Input,
    /// A part of a source that cannot be read, while others can.
    Damaged,
    /// An output that exists already or cannot be written.
    Output,
    /// The sources and the grid (or the clip) do not meet.
    NoOverlap,
    /// Done, but with holes where sources are damaged.
    Holes,
    /// Looked at, and something is wrong or different.
    Found,
    /// More than the user wants.
    Limit,
    /// Out of disk, memory or file handles.
    Resources,
    /// A failure that may pass: network, lock, throttling.
    Retry,
    /// The user stopped the run.
    Interrupted,
}

/// An error with its kind, its message and, where there is one, a hint.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    message: String,
    help: Option<String>,
}

impl Error {
    /// An error of `kind` that reads `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
        }
    }

    /// A source that cannot be used: `<path>: <message>`.
    pub fn input(path: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self::new(Kind::Input, format!("{path}: {message}"))
    }

    /// An output that cannot be written: `<path>: <message>`.
    pub fn output(path: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self::new(Kind::Output, format!("{path}: {message}"))
    }

    /// Options that make no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A broken invariant of ours, told instead of panicking.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// An I/O error while writing `path`. A full disk or quota is [`Kind::Resources`], everything else [`Kind::Output`].
    pub fn writing(path: impl fmt::Display, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Self::new(
                Kind::Resources,
                format!("{path}: the disk is full; expected room for the output"),
            )
            .with_help("free some space, or write to another disk with -o"),
            FileTooLarge => Self::new(
                Kind::Resources,
                format!(
                    "{path}: the file would be larger than the file system or `ulimit -f` allows; expected neither to stop it"
                ),
            ),
            _ => Self::output(path, format_args!("cannot be written ({error})")),
        }
    }

    /// The same error with a hint: the flag or command that would help.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error, whose message goes on with `more`.
    #[must_use]
    pub fn with_more(mut self, more: impl fmt::Display) -> Self {
        self.message.push_str(&format!("; {more}"));
        self
    }

    /// The same error as one of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// What went wrong, for branching.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The hint, where there is one.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
