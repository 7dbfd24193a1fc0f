//! Talking: data to stdout, talk to stderr, and nothing unescaped to either.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::text::printable_lines;

/// Whether to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb; anywhere if CLICOLOR_FORCE is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Where words go.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    color: bool,
    quiet: bool,
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";

impl Talk {
    /// Talk as the user asked for it.
    pub fn new(color: Color, quiet: bool) -> Self {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_set("CLICOLOR_FORCE") || (io::stderr().is_terminal() && wants_color()),
        };
        Self { color, quiet }
    }

    /// Whether stderr is coloured.
    pub fn is_coloured(&self) -> bool {
        self.color
    }

    /// Whether progress bars make sense: people look at stderr, and want to.
    pub fn shows_bars(&self) -> bool {
        !self.quiet && io::stderr().is_terminal() && !is_set("CI") && !is_dumb()
    }

    /// Columns of the terminal that stderr is; COLUMNS says otherwise, and what is no terminal has 80.
    pub fn width(&self) -> usize {
        let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
        let found = || terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
        wanted.or_else(found).unwrap_or(80).clamp(20, 240)
    }

    /// Whether the user asked for silence.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Writes data to stdout. A reader that went away is no error: it has seen enough.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn data(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(Error::cannot_write("stdout", cause)),
            _ => Ok(()),
        }
    }

    /// Says something to the user.
    pub fn say(&self, text: impl Display) {
        if !self.quiet {
            to_stderr(&format!("{}\n", printable_lines(&text.to_string())));
        }
    }

    /// Says what failed, and what to do about it.
    pub fn error(&self, error: &Error) {
        to_stderr(&format!("{} {}\n", self.paint(RED, "error:"), printable_lines(&error.message)));
        for hint in &error.hints {
            to_stderr(&format!("  {} {}\n", self.paint(CYAN, "hint:"), printable_lines(hint)));
        }
    }

    /// Says what may go wrong.
    pub fn warning(&self, text: impl Display) {
        to_stderr(&format!("{} {}\n", self.paint(YELLOW, "warning:"), printable_lines(&text.to_string())));
    }

    /// Passes on text that was made for stderr, escaped and coloured already.
    pub fn rendered(&self, text: &str) {
        to_stderr(text);
    }

    fn paint(&self, color: &str, word: &str) -> String {
        if self.color { format!("{color}{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// `1 clip`, `2 clips`.
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `812 B`, `3.4 MB`, in powers of 1024.
pub(super) fn bytes(n_bytes: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut amount = n_bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n_bytes} B") } else { format!("{amount:.1} {}", units[unit]) }
}

/// `42 s`, `3 min`, `2 h 5 min`.
pub(super) fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn to_stderr(text: &str) {
    // When nobody listens on stderr there is nobody to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn wants_color() -> bool {
    !is_set("NO_COLOR") && !is_dumb()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}
