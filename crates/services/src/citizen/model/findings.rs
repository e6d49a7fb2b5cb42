//! What an answer says of a person, and the pure step from a registry's word to a verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Claims, Disclose, Outcome, Question, Reason};
use crate::citizen::matching::{FieldResult, Overall, match_name};
use crate::citizen::registry::{Found, Record, RecordStatus};

/// What of a record is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Citizen)]
pub struct Disclosed {
    #[schema(example = "Example Citizen")]
    pub full_name: String,
    #[schema(example = "1990-01-01")]
    pub date_of_birth: String,
}

impl fmt::Debug for Disclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disclosed([redacted])")
    }
}

/// How the claims agree with the record. Its `Debug` says nothing: explanations hold parts of names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Match)]
pub struct Matched {
    /// `full`, `partial` or `none`: as the worst field.
    #[schema(value_type = String, example = "full")]
    pub overall: Overall,
    /// 0 to 100: the worst field's.
    #[schema(maximum = 100, example = 98)]
    pub score: u8,
    pub fields: MatchedFields,
}

#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MatchFields)]
pub struct MatchedFields {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_name: Option<MatchedName>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub date_of_birth: Option<MatchedDate>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NameMatch)]
pub struct MatchedName {
    /// `match`, `partial` or `no_match`.
    #[schema(value_type = String, example = "match")]
    pub result: FieldResult,
    #[schema(maximum = 100, example = 98)]
    pub score: u8,
    /// Why, part of a name by part.
    #[schema(example = json!(["maxamed = mohamed (alias)"]))]
    pub explain: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DateMatch)]
pub struct MatchedDate {
    /// `match` or `no_match`.
    #[schema(value_type = String, example = "match")]
    pub result: FieldResult,
}

impl fmt::Debug for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matched({:?}, {})", self.overall, self.score)
    }
}

impl fmt::Debug for MatchedFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MatchedFields([redacted])")
    }
}

impl fmt::Debug for MatchedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatchedName({:?}, {})", self.result, self.score)
    }
}

impl Matched {
    /// `None` where nothing was claimed.
    fn of(fields: MatchedFields) -> Option<Self> {
        let name = fields.full_name.as_ref().map(|name| (name.result, name.score));
        let date = fields.date_of_birth.map(|date| (date.result, score_of_equal(date.result)));
        let all = || name.into_iter().chain(date);
        let overall = Overall::worst(all().map(|(result, _)| result))?;
        let score = all().map(|(_, score)| score).min()?;
        Some(Self { overall, score, fields })
    }
}

const fn score_of_equal(result: FieldResult) -> u8 {
    match result {
        FieldResult::Match => 100,
        FieldResult::Partial | FieldResult::NoMatch => 0,
    }
}

/// What an answer says of the person: the part of it that is stored sealed.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Findings {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub citizen: Option<Disclosed>,
    #[serde(rename = "match", skip_serializing_if = "Option::is_none", default)]
    pub matched: Option<Matched>,
}

impl Findings {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.citizen.is_none() && self.matched.is_none()
    }
}

/// What a registry's word means for a question.
#[must_use]
pub fn judge(question: &Question, found: &Found) -> (Reason, Findings) {
    let record = match found {
        Found::Unknown => return (Reason::DocumentNotFound, Findings::default()),
        Found::Record(record) => record,
    };
    match record.status {
        RecordStatus::Deceased => (Reason::Deceased, Findings::default()),
        RecordStatus::Blocked => (Reason::IdBlocked, Findings::default()),
        RecordStatus::Active => {
            let matched = question.claims.as_ref().and_then(|claims| compare(claims, record));
            let reason = matched.as_ref().map_or(Reason::Match, |matched| match matched.overall {
                Overall::Full => Reason::Match,
                Overall::Partial => Reason::PartialMatch,
                Overall::None => Reason::NoMatch,
            });
            let is_shown = reason.outcome() == Outcome::Verified;
            let citizen = if is_shown { disclosed(question, record) } else { None };
            (reason, Findings { citizen, matched })
        }
    }
}

fn compare(claims: &Claims, record: &Record) -> Option<Matched> {
    let full_name = claims.full_name.as_ref().map(|claimed| {
        let name = match_name(claimed, &record.full_name);
        MatchedName { result: name.result, score: name.score, explain: name.explain }
    });
    let date_of_birth = claims
        .date_of_birth
        .as_ref()
        .map(|claimed| MatchedDate { result: FieldResult::equal(*claimed == record.date_of_birth) });
    Matched::of(MatchedFields { full_name, date_of_birth })
}

fn disclosed(question: &Question, record: &Record) -> Option<Disclosed> {
    match question.disclose {
        Disclose::Record => Some(Disclosed {
            full_name: record.full_name.clone(),
            date_of_birth: record.date_of_birth.clone(),
        }),
        Disclose::Match => None,
    }
}
