//! Handles on what a stage reads: it sees bytes, never where they come from.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};

/// A handle on one input, to be read whole or streamed, as often as needed and from any thread.
#[derive(Debug, Clone)]
pub struct Input(Origin);

#[derive(Clone)]
enum Origin {
    Bytes(Arc<[u8]>),
    File(PathBuf),
    Later(Arc<ReadLater>),
}

type ReadLater = dyn Fn() -> Result<Arc<[u8]>> + Send + Sync;

/// A seekable stream over an [`Input`].
#[derive(Debug)]
pub enum Reader {
    /// Over bytes in memory.
    Bytes(Cursor<Arc<[u8]>>),
    /// Over a file.
    File(BufReader<File>),
}

impl Input {
    /// An input that is in memory.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(Origin::Bytes(bytes.into()))
    }

    /// An input that is a file, opened each time it is read.
    pub fn file(path: PathBuf) -> Self {
        Self(Origin::File(path))
    }

    /// An input that is read each time somebody wants it, so that it takes no memory in between.
    pub fn later(read: impl Fn() -> Result<Arc<[u8]>> + Send + Sync + 'static) -> Self {
        Self(Origin::Later(Arc::new(read)))
    }

    /// Where the file is that it is; none where it is none.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Origin::File(path) => Some(path),
            Origin::Bytes(_) | Origin::Later(_) => None,
        }
    }

    /// Opens the input for streaming.
    ///
    /// # Errors
    /// When what is behind it cannot be opened.
    pub fn reader(&self) -> Result<Reader> {
        match &self.0 {
            Origin::Bytes(bytes) => Ok(Reader::Bytes(Cursor::new(bytes.clone()))),
            Origin::File(path) => match File::open(path) {
                Ok(file) => Ok(Reader::File(BufReader::with_capacity(1 << 16, file))),
                Err(cause) => Err(Error::cannot_read(path.display(), cause)),
            },
            Origin::Later(read) => Ok(Reader::Bytes(Cursor::new(read()?))),
        }
    }

    /// Reads the input whole.
    ///
    /// # Errors
    /// When what is behind it cannot be read.
    pub fn read(&self) -> Result<Arc<[u8]>> {
        match &self.0 {
            Origin::Bytes(bytes) => Ok(bytes.clone()),
            Origin::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(bytes.into()),
                Err(cause) => Err(Error::cannot_read(path.display(), cause)),
            },
            Origin::Later(read) => read(),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::File(path) => path.fmt(f),
            Self::Later(_) => f.write_str("later"),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(reader) => reader.read(buffer),
            Self::File(reader) => reader.read(buffer),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Bytes(reader) => reader.seek(to),
            Self::File(reader) => reader.seek(to),
        }
    }
}

/// The inputs of one task by name; a dataset-wide task has many of one name, in order.
#[derive(Debug, Default)]
pub struct Inputs(BTreeMap<&'static str, Vec<Input>>);

impl Inputs {
    /// Adds one more input called `name`.
    pub fn push(&mut self, name: &'static str, input: Input) {
        self.0.entry(name).or_default().push(input);
    }

    /// The one input called `name`.
    ///
    /// # Errors
    /// When there is none: the plan wired the task wrongly.
    pub fn one(&self, name: &str) -> Result<&Input> {
        self.all(name).first().ok_or_else(|| Error::world(format!("the task has no input `{name}`")))
    }

    /// All inputs called `name`, in order.
    pub fn all(&self, name: &str) -> &[Input] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}
