//! How much users may use, and the periods in which they may.

use chatmesh_core::{Timestamp, typed_id};
use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveTime};

typed_id!(
    /// A limit.
    LimitId
);

/// For whom a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everyone for whom there is no other.
    Default,
    /// Each user of a group.
    Group,
    /// One user.
    User,
}

/// How long a limit lasts, by the calendar in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

/// How much may be used; what is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// In micro-dollars.
    pub cost_micros: Option<i64>,
    /// In tokens.
    pub tokens: Option<i64>,
    /// In calls.
    pub requests: Option<i64>,
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The identifier.
    pub id: LimitId,
    /// For whom it is.
    pub scope: Scope,
    /// The user or the group; empty for the default.
    pub subject_id: String,
    /// How long it lasts.
    pub period: Period,
    /// How much may be used.
    pub max: Amounts,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Period {
    /// All of them, from the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// When the period began that a moment belongs to.
    #[must_use]
    pub fn start(self, moment: Timestamp) -> Timestamp {
        midnight(self.first_day(moment.date_naive()))
    }

    /// When it ends, and the next one begins.
    #[must_use]
    pub fn end(self, moment: Timestamp) -> Timestamp {
        let first = self.first_day(moment.date_naive());
        let next = match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
        };
        midnight(next.unwrap_or(NaiveDate::MAX))
    }

    fn first_day(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    /// The word for it in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The word for it before a noun.
    pub(crate) fn adjective(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
        }
    }
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

impl Amounts {
    /// Whichever allows more, for each amount; what is not limited allows the most.
    fn or_more(self, other: Self) -> Self {
        let more = |one: Option<i64>, other: Option<i64>| one.zip(other).map(|(one, other)| one.max(other));
        Self {
            cost_micros: more(self.cost_micros, other.cost_micros),
            tokens: more(self.tokens, other.tokens),
            requests: more(self.requests, other.requests),
        }
    }
}

/// The limits that hold for one user, at most one for each period: of those of the narrowest
/// scope, which are several only for groups, the most generous amounts.
pub(crate) fn effective(limits: &[Limit]) -> Vec<Limit> {
    let mut effective: Vec<Limit> = Vec::new();
    for limit in limits {
        match effective.iter_mut().find(|known| known.period == limit.period) {
            None => effective.push(limit.clone()),
            Some(known) if limit.scope > known.scope => *known = limit.clone(),
            Some(known) if limit.scope == known.scope => known.max = known.max.or_more(limit.max),
            Some(_) => {}
        }
    }
    effective.sort_by_key(|limit| limit.period);
    effective
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;

    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        for (period, at, start, end) in [
            (Period::Day, "2026-02-28T23:59:59.999999Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            (Period::Day, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
            (Period::Week, "2026-11-22T23:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            (Period::Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Period::Week, "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            (Period::Month, "2026-12-31T12:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            let at = moment(at);
            assert_eq!((period.start(at), period.end(at)), (moment(start), moment(end)), "{period:?} {at}");
        }
    }

    fn limit(scope: Scope, period: Period, cost: Option<i64>, tokens: Option<i64>) -> Limit {
        let max = Amounts { cost_micros: cost, tokens, requests: None };
        let now = moment("2026-01-01T00:00:00Z");
        Limit {
            id: LimitId(Uuid::nil()),
            scope,
            subject_id: String::new(),
            period,
            max,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn the_narrowest_limit_of_a_period_decides() {
        let default = limit(Scope::Default, Period::Month, Some(1), None);
        let poor = limit(Scope::Group, Period::Month, Some(5), Some(7));
        let rich = limit(Scope::Group, Period::Month, Some(9), None);
        let own = limit(Scope::User, Period::Month, Some(2), Some(3));
        let daily = limit(Scope::Default, Period::Day, None, Some(4));
        let amounts = |limits: &[&Limit]| -> Vec<(Period, Option<i64>, Option<i64>)> {
            let limits: Vec<Limit> = limits.iter().map(|limit| (*limit).clone()).collect();
            let effective = effective(&limits);
            effective.iter().map(|limit| (limit.period, limit.max.cost_micros, limit.max.tokens)).collect()
        };
        assert_eq!(amounts(&[]), []);
        let month = |cost, tokens| (Period::Month, Some(cost), tokens);
        assert_eq!(amounts(&[&default, &daily]), [(Period::Day, None, Some(4)), month(1, None)]);
        assert_eq!(amounts(&[&default, &poor]), [month(5, Some(7))]);
        assert_eq!(amounts(&[&poor, &rich, &default]), [month(9, None)]);
        assert_eq!(amounts(&[&own, &poor, &rich]), [month(2, Some(3))]);
        assert_eq!(amounts(&[&rich, &own]), [month(2, Some(3))]);
    }
}
