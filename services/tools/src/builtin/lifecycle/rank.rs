//! Which templates fit, in which order, and what to do with them: pure.

use std::time::Duration;

/// How many templates are on a page.
pub(super) const PAGE: usize = 10;
/// After how long what somebody used counts half.
const HALF_LIFE_DAYS: f64 = 14.0;
/// How many users of a template are a reason to recommend it.
const RECOMMENDED_FROM: f64 = 2.0;
/// By how much it has to be ahead of the next one.
const MARGIN: f64 = 1.5;

/// What is known of a template.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) description: String,
    /// How many users have a workspace of it.
    pub(super) developers: u32,
    /// How many workspaces of it the user has.
    pub(super) yours: u32,
    /// How many the user had and deleted of late.
    pub(super) yours_deleted: u32,
    /// How long ago the user last used one.
    pub(super) last_used: Option<Duration>,
    /// True where no tool can make a workspace of it: it is shown and never recommended.
    pub(super) is_external: bool,
}

/// How well a template fits a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    Description,
    Within,
    Prefix,
    Exact,
    /// There is no query.
    Any,
}

/// What to do with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    UseRecommended,
    AskUser,
    RetryWithoutQuery,
    NoneAvailable,
}

impl NextStep {
    /// The words for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::UseRecommended => {
                "use the recommended template, unless the user asked for another one: read it with `read_template`, \
                 then make the workspace with `create_workspace`"
            }
            Self::AskUser => "ask the user which of these templates to use",
            Self::RetryWithoutQuery => {
                "nothing matches the query: list the templates without one, or ask the user what to look for"
            }
            Self::NoneAvailable => {
                "there is no template that chats may use: tell the user that an administrator has to allow one"
            }
        }
    }
}

/// What fits, and a page of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranked {
    /// Those on the page, the most fitting first.
    pub(super) page: Vec<Candidate>,
    pub(super) page_number: usize,
    pub(super) total_pages: usize,
    pub(super) total: usize,
    pub(super) recommended: Option<String>,
    pub(super) next_step: NextStep,
}

/// Ranks templates. Pages are counted from 1; one behind the last is empty.
pub(super) fn rank(candidates: Vec<Candidate>, query: &str, page: i64) -> Ranked {
    let wanted = plain(query);
    let fits = candidates.into_iter().filter_map(|one| tier(&one, &wanted).map(|tier| (tier, affinity(&one), one)));
    let mut all: Vec<(Tier, f64, Candidate)> = fits.collect();
    all.sort_by(|(tier, affinity, one), (other_tier, other_affinity, other)| {
        let by_name = || (&one.name, &one.id).cmp(&(&other.name, &other.id));
        other_tier.cmp(tier).then(other_affinity.total_cmp(affinity)).then_with(by_name)
    });
    let recommended = recommended(&all);
    let next_step = match (&recommended, all.is_empty(), wanted.is_empty()) {
        (Some(_), _, _) => NextStep::UseRecommended,
        (None, false, _) => NextStep::AskUser,
        (None, true, false) => NextStep::RetryWithoutQuery,
        (None, true, true) => NextStep::NoneAvailable,
    };
    let (total, number) = (all.len(), usize::try_from(page.max(1)).unwrap_or(usize::MAX));
    let on_page = all.into_iter().skip((number - 1).saturating_mul(PAGE)).take(PAGE);
    Ranked {
        page: on_page.map(|(_, _, one)| one).collect(),
        page_number: number,
        total_pages: total.div_ceil(PAGE).max(1),
        total,
        recommended,
        next_step,
    }
}

/// The first one, where it is the only one or clearly ahead.
fn recommended(ranked: &[(Tier, f64, Candidate)]) -> Option<String> {
    let (tier, affinity, first) = ranked.first()?;
    let is_ahead = match ranked.get(1) {
        None => true,
        Some((second, _, _)) if second < tier => true,
        Some((_, second, _)) => *affinity >= (1.0 + RECOMMENDED_FROM).ln() && *affinity >= second * MARGIN,
    };
    (is_ahead && !first.is_external).then(|| first.id.clone())
}

/// How well a template fits; `None` where it does not. The description counts only where no name does.
fn tier(candidate: &Candidate, wanted: &str) -> Option<Tier> {
    if wanted.is_empty() {
        return Some(Tier::Any);
    }
    let names = [plain(&candidate.name), plain(&candidate.display_name)];
    let any = |fits: &dyn Fn(&str) -> bool| names.iter().any(|name| fits(name));
    if any(&|name| name == wanted) {
        Some(Tier::Exact)
    } else if any(&|name| name.starts_with(wanted)) {
        Some(Tier::Prefix)
    } else if any(&|name| name.contains(wanted)) {
        Some(Tier::Within)
    } else {
        plain(&candidate.description).contains(wanted).then_some(Tier::Description)
    }
}

/// What the user did with it counts most, and less from day to day; then how many others use it.
fn affinity(candidate: &Candidate) -> f64 {
    let uses = 10.0 * (f64::from(candidate.yours) + 0.5 * f64::from(candidate.yours_deleted));
    let own = candidate.last_used.map_or(0.0, |ago| {
        let days = ago.as_secs_f64() / (24.0 * 3600.0);
        uses * 0.5_f64.powf(days / HALF_LIFE_DAYS)
    });
    own + (1.0 + f64::from(candidate.developers)).ln()
}

/// A text as it is compared: in lower case, without blanks, dashes and underscores.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
