//! The tables of evaluation: what every embed step came to, with names for what tasks only know by place.

use super::build::read_steps;
use super::table::Table;
use super::tables::Joiner;
use super::{Built, Options, Project};
use crate::error::Result;
use crate::plan::{Step, Work, clusters};
use crate::stages::Values;
use crate::stages::evaluate::{Confused, Evaluated, Protocol, Score};
use crate::store::DiskStore;

/// A score of an embed step.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The name of the embed step.
    pub embed: String,
    /// Which rows were compared with which: `random`, `leave-recording-out`, `leave-artist-out`, `all`, or the name of
    /// the reduce step whose clusters they are.
    pub protocol: String,
    /// The score.
    pub score: Score,
}

/// Evaluates what the manifest says, with everything that this takes; draft and lock stay as they are. None where clips or
/// steps fail: `see` hears of it.
///
/// # Errors
/// When the user interrupted it, or the disk fails.
pub fn evaluate(
    project: &Project,
    store: &DiskStore,
    options: &Options,
    see: impl Fn(&Built),
) -> Result<Option<Vec<Scored>>> {
    let evaluates = |step: &Step| matches!(step.work, Work::Evaluate(_));
    read_steps(project, store, options, (evaluates, see), |joiner| joiner.scores())
}

/// Every embed step that is evaluated, with what that came to.
type All = Vec<(String, Evaluated)>;

impl Joiner<'_> {
    /// Every score of every embed step.
    ///
    /// # Errors
    /// When the store no longer has one.
    pub(super) fn scores(&self) -> Result<Vec<Scored>> {
        Ok(self.evaluated()?.into_iter().flat_map(|(embed, it)| self.scored(&embed, it.scores)).collect())
    }

    /// The tables `evaluation` and `confusion`; none where nothing is evaluated.
    ///
    /// # Errors
    /// When the store no longer has what an evaluation came to.
    pub(super) fn evaluation_tables(&self) -> Result<Vec<Table>> {
        if self.manifest.evaluate.is_none() {
            return Ok(Vec::new());
        }
        let (mut scores, mut confused) = (Vec::new(), Vec::new());
        for (embed, evaluated) in self.evaluated()? {
            let cell = |cell: Confused| (embed.clone(), cell);
            confused.extend(evaluated.confusion.into_iter().map(cell));
            scores.extend(self.scored(&embed, evaluated.scores));
        }
        scores.sort_by_cached_key(Scored::id);
        confused.sort_by_cached_key(|(embed, cell)| id_of_cell(embed, cell));
        Ok(vec![evaluation_table(&scores)?, confusion_table(&confused)?])
    }

    fn evaluated(&self) -> Result<All> {
        let of = self.manifest.evaluate.iter().flat_map(|evaluate| &evaluate.of);
        of.map(|embed| {
            let value = self.value(&format!("evaluate.{embed}"), None, "evaluation")?;
            Ok((embed.clone(), Evaluated::read(&value)?))
        })
        .collect()
    }

    fn scored(&self, embed: &str, scores: Vec<Score>) -> Vec<Scored> {
        let names: Vec<&str> = clusters(self.manifest, embed).collect();
        let protocol = |score: &Score| match score.protocol {
            Protocol::Clusters(at) => names.get(at).map_or_else(String::new, |name| format!("reduce/{name}")),
            other => other.name().to_owned(),
        };
        let scored = |score: Score| Scored { embed: embed.to_owned(), protocol: protocol(&score), score };
        scores.into_iter().map(scored).collect()
    }
}

impl Scored {
    /// The key of its row: `label/embed/protocol/measure`.
    pub fn id(&self) -> String {
        let Score { label, measure, .. } = &self.score;
        format!("{label}/{}/{}/{}", self.embed, self.protocol, measure.name())
    }
}

fn evaluation_table(all: &[Scored]) -> Result<Table> {
    let texts = |of: &dyn Fn(&Scored) -> Option<String>| Values::Texts(all.iter().map(of).collect());
    let floats =
        |of: &dyn Fn(&Score) -> Option<f64>| Values::Floats(all.iter().map(|it| of(&it.score)).collect());
    let counts = |of: &dyn Fn(&Score) -> usize| {
        Values::Ints(all.iter().map(|it| i64::try_from(of(&it.score)).ok()).collect())
    };
    let columns = vec![
        ("evaluation_id", texts(&|it| Some(it.id()))),
        ("label", texts(&|it| Some(it.score.label.clone()))),
        ("role", texts(&|it| Some(it.score.role.name().to_owned()))),
        ("embed", texts(&|it| Some(it.embed.clone()))),
        ("protocol", texts(&|it| Some(it.protocol.clone()))),
        ("measure", texts(&|it| Some(it.score.measure.name().to_owned()))),
        ("value", floats(&|score| score.value)),
        ("interval_low", floats(&|score| score.interval.map(|interval| interval.0))),
        ("interval_high", floats(&|score| score.interval.map(|interval| interval.1))),
        ("p", floats(&|score| score.p)),
        ("chance", floats(&|score| score.chance)),
        ("n", counts(&|score| score.n)),
        ("n_recordings", counts(&|score| score.n_recordings)),
        ("n_classes", counts(&|score| score.n_classes)),
        ("verdict", texts(&|it| it.score.verdict.map(|verdict| verdict.name().to_owned()))),
        ("note", texts(&|it| it.score.note.clone())),
    ];
    Table::new("evaluation", columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect())
}

/// The key of its row: `label/embed/protocol/measure/truth/predicted`, without the last where nothing could be told.
fn id_of_cell(embed: &str, Confused { label, protocol, by, truth, told, .. }: &Confused) -> String {
    // Of words with a `/` in them, two pairs could make one key.
    let escaped = |word: &str| word.replace('%', "%25").replace('/', "%2F");
    let id = format!("{label}/{embed}/{}/{}/{}", protocol.name(), by.name(), escaped(truth));
    told.as_ref().map_or_else(|| id.clone(), |told| format!("{id}/{}", escaped(told)))
}

fn confusion_table(all: &[(String, Confused)]) -> Result<Table> {
    let texts = |of: &dyn Fn(&str, &Confused) -> Option<String>| {
        Values::Texts(all.iter().map(|(embed, cell)| of(embed, cell)).collect())
    };
    let counts = all.iter().map(|(_, cell)| i64::try_from(cell.n).ok()).collect();
    let columns = vec![
        ("confusion_id", texts(&|embed, cell| Some(id_of_cell(embed, cell)))),
        ("label", texts(&|_, cell| Some(cell.label.clone()))),
        ("embed", texts(&|embed, _| Some(embed.to_owned()))),
        ("protocol", texts(&|_, cell| Some(cell.protocol.name().to_owned()))),
        ("measure", texts(&|_, cell| Some(cell.by.name().to_owned()))),
        ("truth", texts(&|_, cell| Some(cell.truth.clone()))),
        ("predicted", texts(&|_, cell| cell.told.clone())),
        ("n", Values::Ints(counts)),
    ];
    Table::new("confusion", columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect())
}
