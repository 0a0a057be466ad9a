//! Whether a conversation has become so long that a summary has to take its place.

use crate::turn::rows::{Kind, Row, Said};

/// The threshold of those who want no summaries.
const NEVER: u32 = 100;

/// How long a conversation was when the model last answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::turn) struct Measure {
    /// Its tokens.
    pub(in crate::turn) tokens: u32,
    /// The most tokens; 0 where that is not known.
    pub(in crate::turn) limit: u32,
    /// From how many percent on it is too long; 100 for never.
    pub(in crate::turn) threshold_percent: u32,
}

impl Measure {
    pub(in crate::turn) fn of(said: &Said, threshold_percent: u32) -> Self {
        Self { tokens: said.tokens, limit: said.limit, threshold_percent }
    }

    /// How full the context is, in percent.
    pub(in crate::turn) fn percent(self) -> u32 {
        match u64::from(self.limit) {
            0 => 0,
            limit => u32::try_from(u64::from(self.tokens) * 100 / limit).unwrap_or(u32::MAX),
        }
    }

    fn is_over(self) -> bool {
        let is_counted = self.limit > 0 && self.tokens > 0;
        self.threshold_percent < NEVER
            && is_counted
            && u64::from(self.tokens) * 100 >= u64::from(self.limit) * u64::from(self.threshold_percent)
    }
}

/// What to do about the length of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::turn) enum Verdict {
    /// Nothing.
    Fits,
    /// Summarise it.
    TooLong(Measure),
    /// It was summarised, and the very next answer found it too long again: another summary would not help.
    StillTooLong,
}

/// Judges by the last answer; `rows` are what the model sees. As long as nobody said from where on a conversation is
/// too long, it is not.
pub(in crate::turn) fn judge(rows: &[Row], threshold_percent: Option<u32>) -> Verdict {
    let Some(threshold_percent) = threshold_percent else { return Verdict::Fits };
    let summary = rows.iter().rposition(|row| row.kind == Kind::Summary);
    // What was committed together with the summary was said before it.
    let revision = summary.and_then(|at| rows.get(at)).map_or(0, |row| row.revision);
    let since = rows.get(summary.unwrap_or_default()..).unwrap_or_default();
    let answers = || since.iter().enumerate().filter(|(_, row)| row.said().is_some() && row.revision > revision);
    let measure = |(_, row): (usize, &Row)| row.said().map(|said| Measure::of(said, threshold_percent));
    let Some(last) = answers().next_back().and_then(measure).filter(|last| last.is_over()) else {
        return Verdict::Fits;
    };
    let first = answers().next().filter(|_| summary.is_some());
    // What was said with the summary and answered with it is in neither; what nobody has answered then is new.
    let answered = since.iter().rposition(|row| row.said().is_some() && row.revision <= revision).unwrap_or_default();
    let is_nothing_new = !since.iter().skip(answered).any(|row| row.kind == Kind::User);
    match first.and_then(measure) {
        Some(first) if first.is_over() && is_nothing_new => Verdict::StillTooLong,
        _ => Verdict::TooLong(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::rows::tests::{row, said};

    fn verdict(rows: &[(u32, Kind)]) -> Verdict {
        let rows: Vec<Row> = rows.iter().map(|(revision, kind)| row(*revision, kind.clone())).collect();
        judge(&rows, Some(70))
    }

    fn too_long(tokens: u32) -> Verdict {
        Verdict::TooLong(Measure { tokens, limit: 100, threshold_percent: 70 })
    }

    #[test]
    fn a_conversation_is_too_long_from_the_threshold_on() {
        let over = |tokens, limit, threshold_percent| Measure { tokens, limit, threshold_percent }.is_over();
        let table = [
            (over(69, 100, 70), false),
            (over(70, 100, 70), true),
            (over(3, 10, 25), true),
            (over(2, 10, 25), false),
            (over(u32::MAX, u32::MAX, 99), true),
            (over(1000, 100, 100), false),
            (over(1, 100, 0), true),
            (over(1000, 0, 70), false),
            (over(0, 100, 0), false),
        ];
        for (at, (found, expected)) in table.into_iter().enumerate() {
            assert_eq!(found, expected, "case {at}");
        }
        assert_eq!(Measure { tokens: 70, limit: 100, threshold_percent: 70 }.percent(), 70);
        assert_eq!(Measure { tokens: 70, limit: 0, threshold_percent: 70 }.percent(), 0);
    }

    #[test]
    fn the_last_answer_decides() {
        assert_eq!(verdict(&[(1, Kind::User)]), Verdict::Fits);
        assert_eq!(verdict(&[(1, Kind::User), (2, said(90, 100)), (3, said(10, 100))]), Verdict::Fits);
        assert_eq!(verdict(&[(1, Kind::User), (2, said(10, 100)), (3, said(90, 100))]), too_long(90));
        let result = Kind::Result("1".to_owned());
        assert_eq!(verdict(&[(1, Kind::User), (2, said(90, 100)), (2, result)]), too_long(90));
        assert_eq!(verdict(&[(1, Kind::User), (2, said(0, 100))]), Verdict::Fits, "nobody counted");
        assert_eq!(judge(&[row(1, said(90, 100))], None), Verdict::Fits, "nobody said what is too long");
    }

    /// F6: a summary that does not help is not made again and again.
    #[test]
    fn a_conversation_that_is_too_long_right_after_its_summary_is_not_summarised_again() {
        assert_eq!(verdict(&[(5, Kind::Summary), (6, said(90, 100))]), Verdict::StillTooLong);
        let later = [(5, Kind::Summary), (6, said(90, 100)), (7, said(95, 100))];
        assert_eq!(verdict(&later), Verdict::StillTooLong, "the first answer after the summary is the one to look at");
        let grown = [(5, Kind::Summary), (6, said(20, 100)), (7, said(95, 100))];
        assert_eq!(verdict(&grown), too_long(95), "it became too long again by itself");
        let shrunk = [(5, Kind::Summary), (6, said(90, 100)), (7, said(60, 100))];
        assert_eq!(verdict(&shrunk), Verdict::Fits);
    }

    #[test]
    fn what_was_said_before_the_summary_does_not_speak_against_it() {
        // The step that waits for a client's tools is committed with the summary of what was before it.
        let together = [(5, Kind::Summary), (5, Kind::User), (5, said(90, 100)), (6, Kind::Result("1".to_owned()))];
        assert_eq!(verdict(&together), Verdict::Fits);
        let next = [together.to_vec(), vec![(7, said(30, 100)), (8, said(90, 100))]].concat();
        assert_eq!(verdict(&next), too_long(90));
        let useless = [together.to_vec(), vec![(7, said(90, 100))]].concat();
        assert_eq!(verdict(&useless), Verdict::StillTooLong);
    }

    #[test]
    fn long_words_after_the_summary_may_be_summarised() {
        let pasted = [(5, Kind::Summary), (6, Kind::User), (7, said(90, 100))];
        assert_eq!(verdict(&pasted), too_long(90));
        let kept = [(5, Kind::Summary), (5, Kind::User), (6, said(90, 100))];
        assert_eq!(verdict(&kept), too_long(90), "words that were kept beside the summary count as new ones");
        let later = [(5, Kind::Summary), (6, said(90, 100)), (7, Kind::User), (8, said(95, 100))];
        assert_eq!(verdict(&later), too_long(95), "so do words after an answer that did not fit");
        let cleared = [(5, Kind::Cleared), (7, said(90, 100))];
        assert_eq!(verdict(&cleared), too_long(90), "a cleared conversation was not summarised");
    }
}
