//! What is answered, and what of it is saved under an Idempotency-Key.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Channel, Disclosed, Matched, Outcome, Reason, Verification};

/// The answer to a verification, as it is given and saved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Verified)]
pub struct VerifiedView {
    #[schema(example = "Verification completed")]
    pub message: String,
    /// Whether the answer was bought or given before, and is repeated free of charge.
    pub cached: bool,
    pub credit_deducted: bool,
    pub data: VerifiedData,
    /// Only for `verified`, and only if `disclose` is `record`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub citizen: Option<Disclosed>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedData {
    #[schema(example = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9")]
    pub id: String,
    pub result: Outcome,
    #[schema(example = "pre_employment")]
    pub purpose: Option<String>,
    pub channel: Channel,
    #[schema(example = 1)]
    pub credits_used: i64,
    pub reason: Reason,
    #[schema(example = "test")]
    pub environment: String,
    #[schema(value_type = String, format = DateTime, example = "2026-06-02T12:30:00.000Z")]
    pub created_at: Timestamp,
    #[schema(example = "emp-4471")]
    pub reference: Option<String>,
    /// Only when claims were sent and there was a record to compare them with.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none", default)]
    pub matched: Option<Matched>,
}

impl VerifiedView {
    /// Whether it says more of the person than how the verification ended.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        self.citizen.is_some() || self.data.matched.is_some()
    }

    /// The same without what it says of the person, who was erased since.
    #[must_use]
    pub fn without_person(mut self) -> Self {
        (self.citizen, self.data.matched) = (None, None);
        self
    }

    /// The same answer given again: free of charge.
    #[must_use]
    pub fn repeated(mut self) -> Self {
        (self.cached, self.credit_deducted, self.data.credits_used) = (true, false, 0);
        self
    }
}

/// A verification in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VerificationItem)]
pub struct ItemView {
    #[schema(example = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9")]
    pub id: String,
    pub result: Outcome,
    #[schema(example = "pre_employment")]
    pub purpose: Option<String>,
    pub channel: Channel,
    #[schema(value_type = String, format = DateTime, example = "2026-06-02T12:30:00.000Z")]
    pub created_at: Timestamp,
    #[schema(example = "emp-4471")]
    pub reference: Option<String>,
    pub cached: bool,
    #[schema(example = 1)]
    pub credits_used: i64,
    #[schema(example = "*******0001")]
    pub national_id_masked: String,
}

impl From<Verification> for ItemView {
    fn from(verification: Verification) -> Self {
        Self {
            id: verification.id,
            result: verification.result,
            purpose: verification.purpose,
            channel: verification.channel,
            created_at: verification.created_at,
            reference: verification.reference,
            cached: verification.is_cached,
            credits_used: verification.credits_used,
            national_id_masked: verification.national_id_masked,
        }
    }
}

/// One verification, without what it says of the person.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationView {
    #[serde(flatten)]
    pub item: ItemView,
    pub reason: Reason,
    #[schema(example = "test")]
    pub environment: String,
}

impl From<Verification> for VerificationView {
    fn from(verification: Verification) -> Self {
        let (reason, environment) = (verification.reason, verification.environment.clone());
        Self { item: verification.into(), reason, environment }
    }
}
