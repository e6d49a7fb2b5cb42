//! How well names are matched: precision and recall over three labelled lists, of which one was tuned on.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use it::settings::{variable, workspace};
use services::citizen::matching::{Overall, match_name};

const CLASSES: [Overall; 3] = [Overall::Full, Overall::Partial, Overall::None];
const PARTS: [&str; 3] = ["tuned", "held_out", "fresh"];
/// Per mille of precision and recall below which a part must not fall, by class. They only ever rise.
const FLOORS: [(&str, [(usize, usize); 3]); 3] = [
    ("tuned", [(1000, 1000), (1000, 1000), (1000, 1000)]),
    ("held_out", [(989, 1000), (1000, 960), (1000, 1000)]),
    ("fresh", [(1000, 867), (500, 400), (750, 943)]),
];
const FIGURES_START: &str = "<!-- figures -->\n";
const FIGURES_END: &str = "<!-- end of figures -->\n";

/// One labelled pair.
struct Labelled {
    claim: String,
    record: String,
    expected: Overall,
    kind: String,
}

/// Counts by what was expected and what was answered, in the order of [`CLASSES`].
#[derive(Default)]
struct Confusion([[usize; 3]; 3]);

impl Confusion {
    fn of<'a>(pairs: impl IntoIterator<Item = &'a Labelled>) -> Self {
        let mut confusion = Self::default();
        for pair in pairs {
            confusion.0[place(pair.expected)][place(answer(pair))] += 1;
        }
        confusion
    }

    fn total(&self) -> usize {
        self.0.iter().flatten().sum()
    }

    fn right(&self) -> usize {
        (0..CLASSES.len()).map(|class| self.0[class][class]).sum()
    }

    /// Of what was answered so, the per mille that was right.
    fn precision(&self, class: usize) -> usize {
        per_mille(self.0[class][class], self.0.iter().map(|row| row[class]).sum())
    }

    /// Of what is so, the per mille that was answered so.
    fn recall(&self, class: usize) -> usize {
        per_mille(self.0[class][class], self.0[class].iter().sum())
    }
}

fn per_mille(part: usize, whole: usize) -> usize {
    (part * 1000 + whole / 2) / whole.max(1)
}

fn place(class: Overall) -> usize {
    CLASSES.iter().position(|known| *known == class).expect("a class")
}

fn answer(pair: &Labelled) -> Overall {
    match_name(&pair.claim, &pair.record).result.into()
}

fn labelled(part: &str) -> Vec<Labelled> {
    let path = workspace().join("crates/services/src/citizen/matching/pairs").join(format!("{part}.tsv"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(pair).collect()
}

fn pair(line: &str) -> Labelled {
    let fields: Vec<&str> = line.split('\t').collect();
    let [claim, record, expected, _language, kind] = fields.as_slice() else {
        panic!("not five fields: {line}");
    };
    let expected = CLASSES.into_iter().find(|class| class.text() == *expected);
    Labelled {
        claim: (*claim).to_owned(),
        record: (*record).to_owned(),
        expected: expected.unwrap_or_else(|| panic!("no such class: {line}")),
        kind: (*kind).to_owned(),
    }
}

/// The tables and the list of wrong answers, as they stand in the document.
fn figures() -> String {
    let mut text = String::new();
    for part in PARTS {
        let pairs = labelled(part);
        let confusion = Confusion::of(&pairs);
        writeln!(text, "\n### `{part}.tsv`: {} of {} right\n", confusion.right(), confusion.total())
            .expect("text");
        text.push_str(&classes(&confusion));
        text.push_str(&kinds(&pairs));
        text.push_str(&wrong(&pairs));
    }
    text
}

fn classes(confusion: &Confusion) -> String {
    let mut text = "| expected | answered full | partial | none | precision | recall |\n|---|---:|---:|---:|---:|---:|\n".to_owned();
    for (class, name) in CLASSES.iter().enumerate() {
        let [full, partial, none] = confusion.0[class];
        let (precision, recall) = (percent(confusion.precision(class)), percent(confusion.recall(class)));
        writeln!(text, "| {} | {full} | {partial} | {none} | {precision} | {recall} |", name.text())
            .expect("text");
    }
    text
}

fn percent(per_mille: usize) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

fn kinds(pairs: &[Labelled]) -> String {
    let mut names: Vec<&str> = pairs.iter().map(|pair| pair.kind.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = "\nBy kind, right of all: ".to_owned();
    let counts = names.iter().map(|name| {
        let confusion = Confusion::of(pairs.iter().filter(|pair| pair.kind == *name));
        format!("{} {}/{}", name.replace('_', " "), confusion.right(), confusion.total())
    });
    writeln!(text, "{}.", counts.collect::<Vec<_>>().join(", ")).expect("text");
    text
}

fn wrong(pairs: &[Labelled]) -> String {
    let mut wrong = pairs.iter().filter(|pair| answer(pair) != pair.expected).peekable();
    if wrong.peek().is_none() {
        return String::new();
    }
    let mut text = "\n| wrong: claim | record | expected | answered |\n|---|---|---|---|\n".to_owned();
    for pair in wrong {
        let (expected, answered) = (pair.expected.text(), answer(pair).text());
        writeln!(text, "| {} | {} | {expected} | {answered} |", pair.claim, pair.record).expect("text");
    }
    text
}

fn document() -> PathBuf {
    workspace().join("docs/matching.md")
}

#[test]
fn the_figures_in_the_document_are_those_of_now() {
    let text = fs::read_to_string(document()).expect("docs/matching.md is there");
    let (before, rest) = text.split_once(FIGURES_START).expect("the figures begin");
    let (_, after) = rest.split_once(FIGURES_END).expect("the figures end");
    let now = format!("{before}{FIGURES_START}{}\n{FIGURES_END}{after}", figures());
    if variable("UPDATE").is_some_and(|value| value == "1") {
        fs::write(document(), now).expect("the document can be written");
    } else {
        assert!(
            text == now,
            "matching changed: UPDATE=1 cargo nextest run -p it matching, and look at the diff"
        );
    }
}

#[test]
fn precision_and_recall_stay_above_their_floors() {
    for (part, floors) in FLOORS {
        let confusion = Confusion::of(&labelled(part));
        for (class, (precision, recall)) in floors.into_iter().enumerate() {
            let (name, now) = (CLASSES[class].text(), (confusion.precision(class), confusion.recall(class)));
            assert!(now.0 >= precision, "{part}, {name}: precision fell to {} per mille", now.0);
            assert!(now.1 >= recall, "{part}, {name}: recall fell to {} per mille", now.1);
        }
    }
}

#[test]
fn no_pair_stands_in_two_parts() {
    let mut pairs: Vec<_> =
        PARTS.iter().flat_map(|part| labelled(part)).map(|pair| (pair.claim, pair.record)).collect();
    let all = pairs.len();
    pairs.sort();
    pairs.dedup();
    assert_eq!(pairs.len(), all, "a pair that is tuned on proves nothing elsewhere");
    assert!(all >= 360, "{all} pairs");
}
