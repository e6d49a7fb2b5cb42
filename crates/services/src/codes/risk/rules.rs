use base::Fault;
use serde::{Deserialize, Serialize};

/// Settings of the rules, for each batch. What is not named has its default.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = CodesRiskRules)]
pub struct Rules {
    /// Whether a scan outside the expected region is a reason.
    pub region: bool,
    /// Visitors outside the expected region that are hard.
    #[schema(minimum = 1, maximum = 24)]
    pub region_sessions_red: u32,
    /// Sessions within 30 days that are soft.
    #[schema(minimum = 2, maximum = 24)]
    pub sessions_amber: u32,
    /// Sessions within 30 days that are hard.
    #[schema(minimum = 2, maximum = 24)]
    pub sessions_red: u32,
    /// Faster than this, in km/h, nobody travels.
    #[schema(minimum = 100, maximum = 2000)]
    pub travel_km_per_hour: u32,
    /// Visitors in places that are farther apart than `spreadKm` that are soft.
    #[schema(minimum = 2, maximum = 24)]
    pub spread_visitors: u32,
    /// So many visitors are hard in three places farther apart than `spreadKm`, or in two of which each is in another
    /// expected country; one more in two places of which neither rests on one visitor.
    #[schema(minimum = 2, maximum = 24)]
    pub spread_visitors_red: u32,
    #[schema(minimum = 10, maximum = 5000)]
    pub spread_km: u32,
    /// Within so many hours.
    #[schema(minimum = 1, maximum = 720)]
    pub spread_hours: u32,
    /// Red codes among the 24 on either side that are soft.
    #[schema(minimum = 1, maximum = 48)]
    pub neighbours: u32,
    /// Days without a scan after which a band may fall.
    #[schema(minimum = 1, maximum = 365)]
    pub quiet_days: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            region: true,
            region_sessions_red: 3,
            sessions_amber: 6,
            sessions_red: 16,
            travel_km_per_hour: 850,
            spread_visitors: 3,
            spread_visitors_red: 4,
            spread_km: 50,
            spread_hours: 240,
            neighbours: 3,
            quiet_days: 30,
        }
    }
}

impl Rules {
    /// Reads settings as they were sent.
    ///
    /// # Errors
    /// The setting that is unknown, of another type or out of its range.
    pub fn read(json: &str) -> Result<Self, Fault> {
        let rules: Self = serde_json::from_str(json)
            .map_err(|error| Fault::invalid("settings", format!("are not: {error}")))?;
        rules.check()?;
        Ok(rules)
    }

    fn check(&self) -> Result<(), Fault> {
        for (name, value, range) in [
            ("regionSessionsRed", self.region_sessions_red, 1..=24),
            ("sessionsAmber", self.sessions_amber, 2..=24),
            ("sessionsRed", self.sessions_red, 2..=24),
            ("travelKmPerHour", self.travel_km_per_hour, 100..=2000),
            ("spreadVisitors", self.spread_visitors, 2..=24),
            ("spreadVisitorsRed", self.spread_visitors_red, 2..=24),
            ("spreadKm", self.spread_km, 10..=5000),
            ("spreadHours", self.spread_hours, 1..=720),
            ("neighbours", self.neighbours, 1..=48),
            ("quietDays", self.quiet_days, 1..=365),
        ] {
            if !range.contains(&value) {
                let rule = format!("must be between {} and {}", range.start(), range.end());
                return Err(Fault::invalid(name, rule));
            }
        }
        Ok(())
    }
}
