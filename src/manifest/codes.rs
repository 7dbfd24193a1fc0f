//! The codes of findings: what each means, with an example that is wrong and one that is right.

use std::fmt;

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code, stable for ever: `T0103`.
    pub code: &'static str,
    /// What it says, in one line.
    pub title: &'static str,
    /// Why it is so, in a paragraph.
    pub why: &'static str,
    /// A piece of a manifest that raises it.
    pub wrong: &'static str,
    /// The same, put right.
    pub right: &'static str,
}

/// What a code means, if there is such a code; in any case, with or without its letter.
pub fn explain(code: &str) -> Option<&'static Code> {
    let digits = code.trim().trim_start_matches(['t', 'T']);
    CODES.iter().find(|known| known.code[1..] == *digits)
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, title, why, wrong, right } = self;
        let indented =
            |example: &str| example.lines().map(|line| format!("    {line}\n")).collect::<String>();
        write!(f, "{code}: {title}\n\n{why}\n\nWrong:\n\n{}\nRight:\n\n{}", indented(wrong), indented(right))
    }
}

/// Every code, in order: 01 the file and its structure, 02 the dataset, 03 labels, 04 steps, 05 clips,
/// 06 ranges, 07 what is only found out when sources are read, 08 the split, 09 the quality gate, 10 the evaluation.
pub const CODES: &[Code] = &[
    Code {
        code: "T0101",
        title: "a file is not UTF-8",
        why: "The manifest and its clip tables are UTF-8. A file in another encoding, such as UTF-16 or Windows-1252, \
              would be read with wrong letters in names and labels, so it is not read at all. Save the file as UTF-8.",
        wrong: "# a file saved in Windows-1252",
        right: "# the same file saved as UTF-8",
    },
    Code {
        code: "T0102",
        title: "the manifest is not valid TOML",
        why: "The text breaks a rule of TOML: a quote or bracket is not closed, text stands without quotes, or a \
              key or header is given twice. Of the mistakes on one line the first is reported.",
        wrong: "[normalize]\nchannels = mono",
        right: "[normalize]\nchannels = \"mono\"",
    },
    Code {
        code: "T0103",
        title: "unknown key",
        why: "A key that is not known is an error and never ignored: a slip of the finger in a parameter's name \
              would otherwise silently build with the default.",
        wrong: "[segment.windows.sliding]\nhopp = 3.0",
        right: "[segment.windows.sliding]\nhop = 3.0",
    },
    Code {
        code: "T0104",
        title: "a value has the wrong type",
        why: "Every key takes values of certain types. Where a number is expected, an integer will do; where an \
              integer is expected, `20.0` will not. Text stands in quotes.",
        wrong: "[segment.windows.sliding]\nlength = \"20\"",
        right: "[segment.windows.sliding]\nlength = 20",
    },
    Code {
        code: "T0105",
        title: "a key is missing",
        why: "A key without a default has to be given. The caret stands under the header of its section; in a clip \
              table, under the header where the column is missing, or under the cell that is empty.",
        wrong: "[[clip]]\nid = \"bashir-rast\"\nsource = \"sources/bashir-rast.flac\"",
        right: "[[clip]]\nid = \"bashir-rast\"\nsource = \"sources/bashir-rast.flac\"\nlicense = \"CC-BY-NC-4.0\"",
    },
    Code {
        code: "T0106",
        title: "a value is out of bounds",
        why: "A number is smaller or larger than the parameter allows, or is not a finite number.",
        wrong: "[normalize]\ntrue_peak = nan",
        right: "[normalize]\ntrue_peak = -1.0",
    },
    Code {
        code: "T0107",
        title: "not a value of this key",
        why: "The key takes one of a few words, and this is none of them.",
        wrong: "[normalize]\nchannels = \"stereo\"",
        right: "[normalize]\nchannels = \"keep\"",
    },
    Code {
        code: "T0108",
        title: "an invisible character",
        why: "Control characters and characters that reorder the text around them make a label look like another \
              one, in a review and in the tables. They are refused wherever the manifest names something.",
        wrong: "[labels]\nartist = [\"Munir\\u202EBashir\"]",
        right: "[labels]\nartist = [\"Munir Bashir\"]",
    },
    Code {
        code: "T0201",
        title: "not a name for a dataset",
        why: "The name stands in messages, in the tables and on the dataset's card. It has letters, digits, `-`, \
              `_` and `.`, begins with a letter or digit, and is at most 64 bytes long.",
        wrong: "[dataset]\nname = \"Oud Taqasim!\"\nversion = \"0.1.0\"\nlicense = \"CC-BY-4.0\"",
        right: "[dataset]\nname = \"oud-taqasim\"\nversion = \"0.1.0\"\nlicense = \"CC-BY-4.0\"",
    },
    Code {
        code: "T0202",
        title: "not a semantic version",
        why: "The version names the release and its folder. It is MAJOR.MINOR.PATCH, as semver.org defines it, \
              perhaps with a pre-release such as `-beta.1`; at most 64 bytes.",
        wrong: "[dataset]\nname = \"oud-taqasim\"\nversion = \"1.0\"\nlicense = \"CC-BY-4.0\"",
        right: "[dataset]\nname = \"oud-taqasim\"\nversion = \"1.0.0\"\nlicense = \"CC-BY-4.0\"",
    },
    Code {
        code: "T0203",
        title: "not an SPDX licence expression",
        why: "Licences are SPDX expressions, so that programs can tell what may be shared: a short name of the \
              SPDX list, several of them with AND, OR and WITH, or `LicenseRef-` and a name of your own, for \
              terms that are not on the list, such as a letter of permission.",
        wrong: "[dataset]\nname = \"oud-taqasim\"\nversion = \"0.1.0\"\nlicense = \"CC-BY 4.0\"",
        right: "[dataset]\nname = \"oud-taqasim\"\nversion = \"0.1.0\"\nlicense = \"CC-BY-4.0\"",
    },
    Code {
        code: "T0204",
        title: "a deprecated licence name",
        why: "SPDX has replaced this name, mostly because it does not say whether later versions of the licence \
              may be chosen. This is a warning.",
        wrong: "[dataset]\nname = \"oud-taqasim\"\nversion = \"0.1.0\"\nlicense = \"GPL-3.0\"",
        right: "[dataset]\nname = \"oud-taqasim\"\nversion = \"0.1.0\"\nlicense = \"GPL-3.0-only\"",
    },
    Code {
        code: "T0301",
        title: "a label without words",
        why: "A vocabulary that is empty, or has an empty word, allows no clip to be labelled.",
        wrong: "[labels]\noud = []",
        right: "[labels]\noud = [\"arabic\", \"iraqi\", \"turkish\"]",
    },
    Code {
        code: "T0302",
        title: "not a name for a label",
        why: "A label becomes a column of the tables. Its name has lower-case letters of any script, digits and \
              `_`, begins with a letter, and is at most 64 bytes long.",
        wrong: "[labels]\n\"Recording Year\" = \"date\"",
        right: "[labels]\nrecording_year = \"date\"",
    },
    Code {
        code: "T0303",
        title: "the name of a label is taken",
        why: "A label becomes a column of the tables, where this name already means something else. `at` is taken \
              because a range with labels says with it what it is.",
        wrong: "[labels]\nsource = \"text\"",
        right: "[labels]\narchive = \"text\"",
    },
    Code {
        code: "T0304",
        title: "a spelling is given twice",
        why: "Every word and every alias of a vocabulary is read as one word. A spelling that stands twice has two \
              readings, or is superfluous. Composed and decomposed Unicode are the same spelling.",
        wrong: "[labels.maqam]\nhijaz = [\"hicaz\"]\nhumayun = [\"hicaz\"]",
        right: "[labels.maqam]\nhijaz = [\"hicaz\"]\nhumayun = []",
    },
    Code {
        code: "T0305",
        title: "unknown label",
        why: "Clips and ranges carry only labels that `[labels]` declares.",
        wrong: "[labels]\nartist = \"text\"\n\n[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\
                labels = { artits = \"Munir Bashir\" }",
        right: "[labels]\nartist = \"text\"\n\n[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\
                labels = { artist = \"Munir Bashir\" }",
    },
    Code {
        code: "T0306",
        title: "a word that is not in the vocabulary",
        why: "A label with a vocabulary takes its words and their aliases, spelled exactly so. Aliases are read as \
              the word that they stand for.",
        wrong: "[labels.maqam]\nrast = []\nhijaz = [\"hicaz\"]\n\n[[clip]]\nid = \"a\"\nsource = \"a.flac\"\n\
                license = \"CC0-1.0\"\nlabels = { maqam = \"hijax\" }",
        right: "[labels.maqam]\nrast = []\nhijaz = [\"hicaz\"]\n\n[[clip]]\nid = \"a\"\nsource = \"a.flac\"\n\
                license = \"CC0-1.0\"\nlabels = { maqam = \"hicaz\" }",
    },
    Code {
        code: "T0307",
        title: "a label has a value of the wrong type",
        why: "A label is text, a number, a date or true or false, as `[labels]` declares it. A date is \
              `\"2026-11-21\"`, `\"2026-11\"` or `\"2026\"`. A number is finite, and an integer has at most 53 bits.",
        wrong: "[labels]\ntonic_hz = \"number\"\n\n[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\
                labels = { tonic_hz = \"130.8\" }",
        right: "[labels]\ntonic_hz = \"number\"\n\n[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\
                labels = { tonic_hz = 130.8 }",
    },
    Code {
        code: "T0401",
        title: "not a name for a step",
        why: "A step's name becomes the name of its table's file. It has lower-case letters a to z, digits, `-` \
              and `_`, and is at most 64 bytes long.",
        wrong: "[segment.Windows.sliding]",
        right: "[segment.windows.sliding]",
    },
    Code {
        code: "T0402",
        title: "unknown kind of step",
        why: "A step is `[FAMILY.NAME.KIND]`: the name is yours, the kind is one of those that the family has.",
        wrong: "[segment.windows.slidng]",
        right: "[segment.windows.sliding]",
    },
    Code {
        code: "T0403",
        title: "a step has not one kind",
        why: "A step has one name and one kind. Two headers with one name and different kinds are two steps, and \
              need two names.",
        wrong: "[segment.parts.sliding]\n[segment.parts.silence]",
        right: "[segment.windows.sliding]\n[segment.phrases.silence]",
    },
    Code {
        code: "T0404",
        title: "no such step",
        why: "`of` says what a step works on: an embed step names a segment step, a reduce step names an embed step.",
        wrong: "[segment.windows.sliding]\n\n[embed.timbre.spectral]\nof = \"window\"",
        right: "[segment.windows.sliding]\n\n[embed.timbre.spectral]\nof = \"windows\"",
    },
    Code {
        code: "T0405",
        title: "a step is named like a part of a split",
        why: "Tools that load datasets guess from a file's name whether it is training, validation or test data. A \
              step's name is the name of its file, so it must not have these words.",
        wrong: "[segment.test.sliding]",
        right: "[segment.trial.sliding]",
    },
    Code {
        code: "T0406",
        title: "a parameter cannot take this label",
        why: "`{ label = NAME }` gives a parameter, for each clip, the value of one of its labels. So the label has to be \
              of a type that the parameter takes: a frequency comes from a label that is a number.",
        wrong: "labels = { maqam = [\"rast\"] }\n[segment.whole.whole]\n[embed.maqam.pitch]\nof = \"whole\"\n\
                tonic = { label = \"maqam\" }",
        right: "labels = { tonic_hz = \"number\" }\n[segment.whole.whole]\n[embed.maqam.pitch]\nof = \"whole\"\n\
                tonic = { label = \"tonic_hz\" }",
    },
    Code {
        code: "T0407",
        title: "not a file that a step can read",
        why: "A file that a step names lies in the manifest's folder or below it, and is of a kind that the step reads: \
              vectors come from `.parquet`, `.csv` or `.tsv`, or from `.npy` beside a file of `ids`, and maps from `.parquet`.",
        wrong: "[segment.whole.whole]\n[embed.clap.import]\nof = \"whole\"\nfile = \"vectors/clap.npy\"",
        right: "[segment.whole.whole]\n[embed.clap.import]\nof = \"whole\"\nfile = \"vectors/clap.npy\"\n\
                ids = \"vectors/clap.txt\"",
    },
    Code {
        code: "T0501",
        title: "the dataset has no clips",
        why: "A dataset has one clip at least, in a `[[clip]]` or in a clip table.",
        wrong: "clip = []",
        right: "[[clip]]\nid = \"a\"\nsource = \"sources/a.flac\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T0502",
        title: "not an id for a clip",
        why: "A clip's id stands in every table and is never changed. It is not empty, has no `/`, no control or \
              bidirectional characters and no spaces around it, and at most 128 bytes.",
        wrong: "[[clip]]\nid = \"bashir/rast\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"bashir-rast\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T0503",
        title: "two clips have one id",
        why: "A clip's id is unique. Composed and decomposed Unicode are the same id.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\n[[clip]]\nid = \"a\"\n\
                source = \"b.flac\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\n[[clip]]\nid = \"b\"\n\
                source = \"b.flac\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T0504",
        title: "two ids differ only by case",
        why: "People and some file systems take such ids for one. This is a warning.",
        wrong: "[[clip]]\nid = \"take\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\n[[clip]]\nid = \"Take\"\n\
                source = \"b.flac\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"take-1\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\n\n[[clip]]\nid = \"take-2\"\n\
                source = \"b.flac\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T0505",
        title: "not a path of a source",
        why: "A source is a file in the manifest's folder or below it, named by a relative path with `/`. A \
              manifest is not trusted: it names no other files, and nothing is fetched.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"../recordings/a.flac\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"a\"\nsource = \"recordings/a.flac\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T0506",
        title: "not the name of a clip table",
        why: "A clip table is a file in the manifest's folder or below it, named by a relative path with `/`, perhaps \
              as a glob. Its name ends in `.csv`, `.tsv` or `.parquet`, which says how it is read.",
        wrong: "clips = \"clips.xlsx\"",
        right: "clips = \"clips.csv\"\n\n# clips.csv:\n# id,source,license\n# a,sources/a.flac,CC0-1.0",
    },
    Code {
        code: "T0507",
        title: "a clip table cannot be read",
        why: "The file is not there, a glob matches none, it leads out of the roots, or it is damaged.",
        wrong: "clips = \"clip.csv\"\n\n# clips.csv:\n# id,source,license\n# a,sources/a.flac,CC0-1.0",
        right: "clips = \"clips.csv\"\n\n# clips.csv:\n# id,source,license\n# a,sources/a.flac,CC0-1.0",
    },
    Code {
        code: "T0508",
        title: "a row of a clip table does not fit the header",
        why: "Every row has as many cells as the header, so that no value slips under another column unseen. A cell \
              with a separator, a quote or a line end in it stands in quotes, and a quote in it is doubled.",
        wrong: "clips = \"clips.csv\"\nlabels = { artist = \"text\" }\n\n# clips.csv:\n\
                # id,source,license,artist\n# a,sources/a.flac,CC0-1.0,Bashir, Munir",
        right: "clips = \"clips.csv\"\nlabels = { artist = \"text\" }\n\n# clips.csv:\n\
                # id,source,license,artist\n# a,sources/a.flac,CC0-1.0,\"Bashir, Munir\"",
    },
    Code {
        code: "T0509",
        title: "not a column of a clip table",
        why: "The first row of a clip table names its columns, each once: `id`, `source`, `license`, `origin`, \
              `ranges`, and labels that `[labels]` declares. A column that is not known is an error and never ignored.",
        wrong: "clips = \"clips.csv\"\n\n# clips.csv:\n# id,source,licence\n# a,sources/a.flac,CC0-1.0",
        right: "clips = \"clips.csv\"\n\n# clips.csv:\n# id,source,license\n# a,sources/a.flac,CC0-1.0",
    },
    Code {
        code: "T0601",
        title: "not a range",
        why: "A range is `start-end`, with a hyphen; each is seconds, `m:ss` or `h:mm:ss`, perhaps with decimals.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0:12–0:58\"]",
        right: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0:12-0:58\"]",
    },
    Code {
        code: "T0602",
        title: "a range without length",
        why: "A range ends after it starts.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0:58-0:12\"]",
        right: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0:12-0:58\"]",
    },
    Code {
        code: "T0603",
        title: "ranges overlap or are out of order",
        why: "The ranges of a clip ascend and do not overlap, so that no moment counts twice. They may touch. For \
              overlapping pieces of a source, make two clips.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0-10\", \"5-15\"]",
        right: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0-10\", \"10-15\"]",
    },
    Code {
        code: "T0604",
        title: "a time is out of bounds",
        why: "Times are below 1,000,000 s and whole microseconds.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0-0.00000001\"]",
        right: "[[clip]]\nid = \"a\"\nsource = \"a.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0-0.01\"]",
    },
    Code {
        code: "T0701",
        title: "a source cannot be read",
        why: "The file is not there, or it is not allowed to be read: a symbolic link must not lead out of the \
              manifest's folder. Paths are relative to that folder.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"sources/missing.flac\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"a\"\nsource = \"sources/a.flac\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T0702",
        title: "a range ends after its source",
        why: "The source is shorter than the range says: it may be another recording than the one that was \
              listened to.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"ten-seconds.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0-0:30\"]",
        right: "[[clip]]\nid = \"a\"\nsource = \"ten-seconds.flac\"\nlicense = \"CC0-1.0\"\nranges = [\"0-0:10\"]",
    },
    Code {
        code: "T0703",
        title: "a file of a step does not fit",
        why: "`taqsim check` looks into the files that steps name. Vectors that cannot be joined, and maps that are none, are \
              errors. Clips of which the file has no row, and rows that are of no clip, are warnings: such clips are in none \
              of the step's tables.",
        wrong: "[segment.whole.whole]\n[embed.clap.import]\nof = \"whole\"\nfile = \"vectors/of-other-clips.csv\"",
        right: "[segment.whole.whole]\n[embed.clap.import]\nof = \"whole\"\nfile = \"vectors/of-all-clips.csv\"",
    },
    Code {
        code: "T0801",
        title: "these are no parts of a split",
        why: "A part has a name of lower-case letters a to z, digits, `-` and `_`, and a share of the groups; all \
              shares together make 1.",
        wrong: "[split]\nparts = { train = 80, test = 20 }",
        right: "[split]\nparts = { train = 0.8, test = 0.2 }",
    },
    Code {
        code: "T0802",
        title: "a pin names no group column or no part",
        why: "`[split.pin]` says, for a column of `groups` and a value of it, in which of the `parts` the group with \
              this value stands.",
        wrong: "[split]\nparts = { train = 0.8, test = 0.2 }\n[split.pin]\nrecording = { \"demo.wav\" = \"tset\" }",
        right: "[split]\nparts = { train = 0.8, test = 0.2 }\n[split.pin]\nrecording = { \"demo.wav\" = \"test\" }",
    },
    Code {
        code: "T0803",
        title: "a pin fixes nothing",
        why: "No clip has this value. It may be misspelt, or its last clip may be gone. This is a warning.",
        wrong: "[split]\nparts = { train = 0.8, test = 0.2 }\n[split.pin]\nrecording = { \"dmeo.wav\" = \"test\" }",
        right: "[split]\nparts = { train = 0.8, test = 0.2 }\n[split.pin]\nrecording = { \"demo.wav\" = \"test\" }",
    },
    Code {
        code: "T0804",
        title: "one recording stands on both sides of the split",
        why: "What was learnt from one part of a recording is known of the other: a test on it proves nothing. So \
              clips of one recording never stand in different parts. A clip's recording is its label `recording` where \
              it has one, else its source.",
        wrong: "labels = { artist = \"text\" }\n[split]\ngroups = [\"artist\"]\nparts = { a = 0.5, b = 0.5 }\n\
                [split.pin]\nartist = { A = \"a\", B = \"b\" }\n\
                [[clip]]\nid = \"1\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"A\" }\n\
                [[clip]]\nid = \"2\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"B\" }",
        right: "labels = { artist = \"text\" }\n[split]\ngroups = [\"artist\", \"recording\"]\nparts = { a = 0.5, b = 0.5 }\n\
                [split.pin]\nartist = { A = \"a\" }\n\
                [[clip]]\nid = \"1\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"A\" }\n\
                [[clip]]\nid = \"2\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"B\" }",
    },
    Code {
        code: "T0805",
        title: "one group is fixed to two parts",
        why: "Clips that share a value of a group column are one group, also by way of others, and a group stands in \
              one part. Two pins of one group cannot both hold.",
        wrong: "labels = { artist = \"text\" }\n[split]\ngroups = [\"artist\", \"recording\"]\nparts = { a = 0.5, b = 0.5 }\n\
                [split.pin]\nartist = { A = \"a\", B = \"b\" }\n\
                [[clip]]\nid = \"1\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"A\" }\n\
                [[clip]]\nid = \"2\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"B\" }",
        right: "labels = { artist = \"text\" }\n[split]\ngroups = [\"artist\", \"recording\"]\nparts = { a = 0.5, b = 0.5 }\n\
                [split.pin]\nartist = { A = \"a\" }\n\
                [[clip]]\nid = \"1\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"A\" }\n\
                [[clip]]\nid = \"2\"\nsource = \"duo.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"B\" }",
    },
    Code {
        code: "T0806",
        title: "a clip moves to another part of the split",
        why: "A group's part follows from the smallest of its values. A clip that was added since the last build has \
              values of two groups, so these are one now, and some of their clips move. Results on the old parts \
              and on the new ones cannot be compared. This is a warning, and is given until the next build.",
        wrong: "# the clip that was added: it joins the artists A and B, who stood in different parts\n[[clip]]\n\
                id = \"duo\"\nsource = \"session-of-a.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"B\" }",
        right: "labels = { artist = \"text\" }\n[split]\ngroups = [\"artist\", \"recording\"]\nparts = { a = 0.5, b = 0.5 }\n\
                [split.pin]\nartist = { A = \"a\" }\n\
                [[clip]]\nid = \"duo\"\nsource = \"session-of-a.wav\"\nlicense = \"CC0-1.0\"\nlabels = { artist = \"A\" }",
    },
    Code {
        code: "T0901",
        title: "a limit that means nothing",
        why: "A limit of `[gate]` has a `min`, a `max` or both, the lesser one as `min`. Several limits of one measure \
              stand in an array; an empty array is no limit at all, not even the default one.",
        wrong: "[gate]\nsnr_db = { then = \"exclude\" }",
        right: "[gate]\nsnr_db = { min = 20.0, then = \"exclude\" }",
    },
    Code {
        code: "T0902",
        title: "a clip breaks a limit",
        why: "A measure of the clip, or a label, is not within its limit in `[gate]`, or within the default one. With \
              `then = \"warn\"` the clip is flagged, with `\"exclude\"` it is left out of all tables but `clips`, with \
              `\"fail\"` the build fails. Listen to it; if it is as it should be, let the clip accept the measure, or \
              choose another limit. docs/GATE.md says what each number means and how far it can be trusted.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"staccato.flac\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"a\"\nsource = \"staccato.flac\"\nlicense = \"CC0-1.0\"\naccept = [\"percussion\"]",
    },
    Code {
        code: "T0903",
        title: "a clip cannot be measured",
        why: "The source is there, but it cannot be decoded: it is damaged, cut short, or of a kind that cannot be \
              read. Other clips are measured all the same.",
        wrong: "[[clip]]\nid = \"a\"\nsource = \"damaged.mp3\"\nlicense = \"CC0-1.0\"",
        right: "[[clip]]\nid = \"a\"\nsource = \"whole.mp3\"\nlicense = \"CC0-1.0\"",
    },
    Code {
        code: "T1001",
        title: "a label has no classes",
        why: "`[evaluate]` asks whether segments with the same value lie together. Numbers and dates are hardly ever the \
              same; give what is meant a label of words.",
        wrong: "[labels]\ntonic_hz = \"number\"\n[evaluate]\nlabels = [\"tonic_hz\"]",
        right: "[labels]\nmaqam = [\"rast\", \"saba\"]\n[embed.timbre.mfcc]\nof = \"whole\"\n[segment.whole.whole]\n\
                [evaluate]\nlabels = [\"maqam\"]",
    },
    Code {
        code: "T1002",
        title: "the evaluation has nothing to evaluate",
        why: "`[evaluate]` takes every label of a list of words, and every one that is true or false; labels of any text \
              only where they are named. There is none, or there is no embed step. This is a warning.",
        wrong: "[labels]\nmaqam = \"text\"\n[evaluate]",
        right: "[labels]\nmaqam = \"text\"\n[embed.timbre.mfcc]\nof = \"whole\"\n[segment.whole.whole]\n\
                [evaluate]\nlabels = [\"maqam\"]",
    },
];
