//! What is published: tables, their digests, Parquet files, the lock, and what verifies them.

mod answers;
mod build;
mod card;
mod checks;
mod chunks;
mod clusters;
mod columns;
mod contents;
mod differences;
mod digest;
mod draft;
mod entries;
mod evaluation;
mod files;
mod imported;
mod ingredients;
mod lock;
mod lock_csv;
mod lock_text;
mod measured;
mod needed;
mod parquet;
mod part;
mod parts;
mod project;
mod reader;
mod record;
mod rows;
mod segments;
mod snapshot;
mod splits;
mod summary;
mod table;
mod tables;
mod verify;

#[cfg(test)]
mod fixture;

pub use build::{Built, Options, Planned, build, freeze, look, warm};
pub use checks::{FileState, FilesReport, verify_manifest, verify_tables};
pub use digest::table_digest;
pub use entries::{entry_digest, settings_digest};
pub use evaluation::{Scored, evaluate};
pub use lock::{ClipLine, Lock, Released, StepLine, TableLine};
pub use measured::{Measured, measure};
pub use needed::needed;
pub use parquet::write_table;
pub use project::Project;
pub use reader::read_table;
pub use segments::{Segment, segments_of};
pub use snapshot::{Looked, UpToDate, look_back};
pub use splits::{Move, moves};
pub use summary::{MeasureRow, measure_rows};
pub use table::{Identity, Table};
pub use verify::{Report, SourceState, rebuild, verify};
