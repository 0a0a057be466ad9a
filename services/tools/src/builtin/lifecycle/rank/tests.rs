use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn named(name: &str) -> Candidate {
    Candidate { id: format!("id-{name}"), name: name.to_owned(), ..Candidate::default() }
}

fn used(name: &str, developers: u32, yours: u32, days: u32) -> Candidate {
    let last_used = (yours > 0).then_some(DAY * days);
    Candidate { developers, yours, last_used, ..named(name) }
}

fn names(ranked: &Ranked) -> Vec<&str> {
    ranked.page.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn names_count_more_than_what_is_said_of_a_template() {
    let all = || {
        vec![
            Candidate { description: "like rust_web, but older".to_owned(), ..named("attic") },
            named("my-rust-web"),
            named("rust-web-large"),
            Candidate { display_name: "Rust Web".to_owned(), ..named("rw") },
            named("python"),
        ]
    };
    for query in ["rust-web", "RUST web", "rust_WEB", " rustweb "] {
        let ranked = rank(all(), query, 1);
        assert_eq!(names(&ranked), ["rw", "rust-web-large", "my-rust-web", "attic"], "{query}");
        assert_eq!((ranked.recommended.as_deref(), ranked.next_step), (Some("id-rw"), NextStep::UseRecommended));
    }
    assert_eq!(names(&rank(all(), "", 1)), ["attic", "my-rust-web", "python", "rust-web-large", "rw"]);
    assert_eq!(rank(all(), "- _", 1).total, 5, "that says nothing");
}

#[test]
fn within_a_tier_use_decides_and_yours_more_than_that_of_others() {
    for (what, candidates, expected) in [
        ("others", vec![used("a", 1, 0, 0), used("b", 9, 0, 0), used("c", 0, 0, 0)], ["b", "a", "c"]),
        ("you", vec![used("a", 400, 0, 0), used("b", 1, 1, 1), used("c", 1, 1, 30)], ["b", "a", "c"]),
        ("how often", vec![used("a", 1, 1, 1), used("b", 1, 3, 1), used("c", 1, 2, 1)], ["b", "c", "a"]),
        ("how lately", vec![used("a", 1, 1, 40), used("b", 1, 1, 2), used("c", 1, 1, 10)], ["b", "c", "a"]),
        ("the name", vec![named("c"), named("b"), named("a")], ["a", "b", "c"]),
    ] {
        assert_eq!(names(&rank(candidates, "", 1)), expected, "{what}");
    }
    let deleted = Candidate { yours_deleted: 1, last_used: Some(DAY), ..named("z") };
    assert_eq!(names(&rank(vec![named("a"), deleted], "", 1)), ["z", "a"], "what is deleted counts half");
}

#[test]
fn a_template_is_recommended_where_it_is_alone_or_clearly_ahead() {
    let external = |candidate| Candidate { is_external: true, ..candidate };
    for (what, candidates, query, recommended, next_step) in [
        ("none", vec![], "", None, NextStep::NoneAvailable),
        ("none fits", vec![named("a")], "z", None, NextStep::RetryWithoutQuery),
        ("the only one", vec![named("a")], "", Some("id-a"), NextStep::UseRecommended),
        ("two alike", vec![named("a"), named("b")], "", None, NextStep::AskUser),
        ("one of two names", vec![named("ab"), named("b")], "b", Some("id-b"), NextStep::UseRecommended),
        ("one user", vec![used("a", 1, 0, 0), named("b")], "", None, NextStep::AskUser),
        ("two users", vec![used("a", 2, 0, 0), named("b")], "", Some("id-a"), NextStep::UseRecommended),
        ("close", vec![used("a", 5, 0, 0), used("b", 4, 0, 0)], "", None, NextStep::AskUser),
        ("yours", vec![used("a", 1, 1, 1), used("b", 4, 0, 0)], "", Some("id-a"), NextStep::UseRecommended),
        ("nobody can make it", vec![external(named("a"))], "", None, NextStep::AskUser),
    ] {
        let ranked = rank(candidates, query, 1);
        assert_eq!((ranked.recommended.as_deref(), ranked.next_step), (recommended, next_step), "{what}");
    }
}

#[test]
fn pages_begin_at_1_and_there_is_always_one() {
    let all = || (0..23).map(|number| named(&format!("t-{number:02}"))).collect::<Vec<_>>();
    for (page, number, first, count) in
        [(-5, 1, "t-00", 10), (0, 1, "t-00", 10), (1, 1, "t-00", 10), (2, 2, "t-10", 10), (3, 3, "t-20", 3)]
    {
        let ranked = rank(all(), "", page);
        assert_eq!((ranked.page_number, ranked.page.len(), ranked.total_pages, ranked.total), (number, count, 3, 23));
        assert_eq!(ranked.page[0].name, first, "{page}");
    }
    for page in [4, i64::MAX] {
        assert!(rank(all(), "", page).page.is_empty(), "{page}");
    }
    let none = rank(vec![], "x", 1);
    assert_eq!((none.total_pages, none.total), (1, 0));
}
