//! Limits: what calls use never exceeds them by more than the calls that run.

use std::collections::BTreeSet;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds, Timestamp};
use chatmesh_llm::{
    Admission, Amounts, Counted, Inserted, LedgerStore as _, Limit, LimitId, LimitStore as _, Period, Reservation,
    ReservationId, Scope,
};
use chatmesh_rpc::UserId;
use futures::future::join_all;

use super::ledger::new_event;
use super::{World, worlds};

fn limit(scope: Scope, subject_id: &str, period: Period, max: Amounts, now: Timestamp) -> Limit {
    let id = LimitId(SystemIds.next());
    Limit { id, scope, subject_id: subject_id.to_owned(), period, max, created_at: now, updated_at: now }
}

fn requests(max: i64) -> Amounts {
    Amounts { requests: Some(max), ..Amounts::default() }
}

fn cost(max: i64) -> Amounts {
    Amounts { cost_micros: Some(max), ..Amounts::default() }
}

fn reservation(user_id: UserId, cost_micros: i64, now: Timestamp) -> Reservation {
    Reservation {
        id: ReservationId(SystemIds.next()),
        user_id,
        created_at: now,
        expires_at: now + Duration::from_secs(3600),
        cost_micros,
        tokens: 10,
    }
}

impl World {
    async fn insert_limit(&self, limit: Limit) -> Limit {
        let inserted = self.store.insert_limit(&limit, None).await.expect("inserted");
        assert_eq!(inserted, Inserted::Created(limit.clone()), "{}", self.engine);
        limit
    }

    async fn admits(&self, reservation: &Reservation, limits: &[Limit]) -> bool {
        self.store.reserve(reservation, limits).await.expect("asked") == Admission::Admitted
    }

    async fn counted(&self, user: UserId, period: Period) -> Counted {
        self.store.counted(user, period, self.now).await.expect("asked")
    }

    /// Ends a call that was admitted with what it took.
    async fn settle(&self, reservation: &Reservation, cost_micros: u32) {
        let mut event = new_event(self.now);
        event.user_id = Some(reservation.user_id);
        event.created_at = reservation.created_at;
        event.cost_micros = Some(cost_micros);
        event.reservation = Some(reservation.id);
        self.store.record_usage(&[event]).await.expect("written");
    }
}

#[tokio::test]
async fn limits_are_unique_for_a_subject_and_a_period_and_found_for_their_users() {
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let own = user.to_string();
        let default = world.insert_limit(limit(Scope::Default, "", Period::Day, requests(1), world.now)).await;
        let group = world.insert_limit(limit(Scope::Group, "team", Period::Day, cost(5), world.now)).await;
        let users = world.insert_limit(limit(Scope::User, &own, Period::Month, cost(i64::MAX / 2), world.now)).await;
        world.insert_limit(limit(Scope::User, &SystemIds.next().to_string(), Period::Day, cost(1), world.now)).await;
        let twin = limit(Scope::Group, "team", Period::Day, cost(9), world.now);
        let taken = world.store.insert_limit(&twin, None).await.expect("asked");
        assert_eq!(taken, Inserted::NameTaken, "{}", world.engine);

        let found = async |groups: &[String]| world.store.limits_for(user, groups).await.expect("asked");
        let mut expected = vec![default.clone(), users.clone()];
        assert_eq!(sorted(found(&[]).await), sorted(expected.clone()), "{}", world.engine);
        expected.push(group.clone());
        let groups = ["team".to_owned(), "nobody".to_owned()];
        assert_eq!(sorted(found(&groups).await), sorted(expected), "{}", world.engine);

        let changed = Limit { max: requests(7), ..group };
        assert!(world.store.update_limit(&changed).await.expect("updated"), "{}", world.engine);
        assert_eq!(world.store.get_limit(changed.id).await.expect("asked"), Some(changed.clone()), "{}", world.engine);
        let page = world.store.list_limits(Some(default.id), 1).await.expect("listed");
        assert_eq!(page, std::slice::from_ref(&changed), "{}: oldest first", world.engine);
        assert!(world.store.delete_limit(changed.id).await.expect("deleted"), "{}", world.engine);
        assert!(!world.store.delete_limit(changed.id).await.expect("asked"), "{}", world.engine);
    }
}

fn sorted(mut limits: Vec<Limit>) -> Vec<Limit> {
    limits.sort_by_key(|limit| limit.id);
    limits
}

#[tokio::test]
async fn parallel_calls_never_exceed_a_limit() {
    const CALLS: usize = 200;
    const ROOM: usize = 50;
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let limits = [
            limit(Scope::Default, "", Period::Day, requests(1000), world.now),
            limit(Scope::Default, "", Period::Month, cost(ROOM as i64 * 100), world.now),
        ];
        // Three replicas know nothing of each other but the database.
        let stores = [world.store.clone(), world.store.clone(), world.store.clone()];
        let calls: Vec<_> = (0..CALLS).map(|_| reservation(user, 100, world.now)).collect();
        let asked = calls.iter().enumerate().map(|(at, call)| stores[at % stores.len()].reserve(call, &limits));
        let answers = join_all(asked).await;
        let admitted: Vec<_> = calls
            .iter()
            .zip(answers)
            .filter(|(_, answer)| matches!(answer, Ok(Admission::Admitted)))
            .map(|(call, _)| *call)
            .collect();
        assert_eq!(admitted.len(), ROOM, "{}: as many as there is room for", world.engine);
        let counted = world.counted(user, Period::Month).await;
        assert_eq!(counted.cost_micros, ROOM as i64 * 100, "{}", world.engine);
        let daily = world.counted(user, Period::Day).await;
        assert_eq!(daily.requests, ROOM as i64, "{}: what was refused holds nothing", world.engine);

        // Every call costs half as much again as was set aside: more cannot be known before.
        join_all(admitted.iter().map(|call| world.settle(call, 150))).await;
        let spent = world.counted(user, Period::Month).await.cost_micros;
        let (max, in_flight) = (ROOM as i64 * 100, admitted.len() as i64);
        println!(
            "{}: limit {max}, {CALLS} calls at once, {} admitted, {spent} spent, {} over, at most {} by calls in flight",
            world.engine,
            admitted.len(),
            spent - max,
            in_flight * 50
        );
        assert!(spent <= max + in_flight * 50, "{}: {spent}", world.engine);
        assert!(!world.admits(&reservation(user, 1, world.now), &limits).await, "{}: it is used up", world.engine);
        let other = reservation(UserId(SystemIds.next()), 1, world.now);
        assert!(world.admits(&other, &limits).await, "{}: another user has their own", world.engine);
    }
}

/// Calls that were admitted and calls that nobody asked about end together, of two users and on two
/// days, while their counters begin: none waits for another in a circle, and none is forgotten.
#[tokio::test]
async fn what_ends_at_once_is_counted_to_the_last_call() {
    const CALLS: u32 = 60;
    for world in worlds().await {
        let users = [UserId(SystemIds.next()), UserId(SystemIds.next())];
        let days = [world.now, Period::Day.end(world.now)];
        let limits = Period::ALL.map(|period| limit(Scope::Default, "", period, requests(10_000), world.now));
        let call = async |at: u32| {
            let (user, day) = (users[at as usize % 2], days[at as usize / 2 % 2]);
            let admitted = reservation(user, 100, day);
            let events = users.map(|user| {
                let mut event = new_event(day);
                (event.user_id, event.cost_micros) = (Some(user), Some(1));
                event
            });
            let (asked, written) =
                futures::join!(world.store.reserve(&admitted, &limits), world.store.record_usage(&events));
            assert_eq!(asked.expect("asked"), Admission::Admitted, "{}", world.engine);
            written.expect("written");
            world.settle(&admitted, 7).await;
        };
        join_all((0..CALLS).map(call)).await;
        for (user, period) in users.into_iter().flat_map(|user| Period::ALL.map(|period| (user, period))) {
            let mut counted = Counted::default();
            let starts: BTreeSet<_> = days.iter().map(|day| period.start(*day)).collect();
            for start in starts {
                let of_one = world.store.counted(user, period, start).await.expect("asked");
                counted.requests += of_one.requests;
                counted.cost_micros += of_one.cost_micros;
            }
            let (every, admitted) = (i64::from(CALLS), i64::from(CALLS / 2));
            assert_eq!(counted.requests, every + admitted, "{}: of a {}", world.engine, period.as_str());
            assert_eq!(counted.cost_micros, every + admitted * 7, "{}: of a {}", world.engine, period.as_str());
        }
    }
}

#[tokio::test]
async fn a_call_is_settled_once_however_often_it_is_written() {
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let limits = [limit(Scope::Default, "", Period::Week, cost(1000), world.now)];
        let call = reservation(user, 400, world.now);
        assert!(world.admits(&call, &limits).await);
        let mut event = new_event(world.now);
        (event.user_id, event.reservation, event.cost_micros) = (Some(user), Some(call.id), Some(300));
        for _ in 0..3 {
            world.store.record_usage(std::slice::from_ref(&event)).await.expect("written");
        }
        let expected = Counted { cost_micros: 300, tokens: event.tokens(), requests: 1 };
        assert_eq!(world.counted(user, Period::Week).await, expected, "{}", world.engine);
    }
}

#[tokio::test]
async fn what_a_dead_process_set_aside_is_given_back_and_a_late_end_still_counts() {
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let limits = [limit(Scope::Default, "", Period::Day, cost(100), world.now)];
        let lost = reservation(user, 100, world.now);
        assert!(world.admits(&lost, &limits).await);
        let next = reservation(user, 60, world.now);
        assert!(!world.admits(&next, &limits).await, "{}", world.engine);

        let before = lost.expires_at - Duration::from_secs(1);
        let expire = async |now| world.store.expire_reservations(now, 10).await.expect("expired");
        assert_eq!(expire(before).await, 0, "{}: it may still run", world.engine);
        assert_eq!(expire(lost.expires_at).await, 1, "{}", world.engine);
        assert_eq!(expire(lost.expires_at).await, 0, "{}: once", world.engine);
        assert!(world.admits(&next, &limits).await, "{}: there is room again", world.engine);

        // It was not dead, only slow.
        world.settle(&lost, 30).await;
        assert_eq!(world.counted(user, Period::Day).await.cost_micros, 60 + 30, "{}", world.engine);
        world.settle(&next, 50).await;
        assert_eq!(world.counted(user, Period::Day).await.cost_micros, 50 + 30, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_new_limit_knows_what_was_used_before_and_forgets_nothing_in_between() {
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let spend = async |micros| {
            let mut event = new_event(world.now);
            (event.user_id, event.cost_micros) = (Some(user), Some(micros));
            world.store.record_usage(&[event]).await.expect("written");
        };
        spend(70).await;
        let monthly = [limit(Scope::Default, "", Period::Month, cost(100), world.now)];
        assert!(!world.admits(&reservation(user, 31, world.now), &monthly).await, "{}: 70 are gone", world.engine);
        assert!(world.admits(&reservation(user, 10, world.now), &monthly).await, "{}", world.engine);
        // Without a limit for a while, as far as another replica knew.
        spend(15).await;
        assert_eq!(world.counted(user, Period::Month).await.cost_micros, 95, "{}", world.engine);
        assert!(!world.admits(&reservation(user, 6, world.now), &monthly).await, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_call_gives_back_what_it_set_aside_and_not_more() {
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let daily = limit(Scope::Default, "", Period::Day, cost(1000), world.now);
        let monthly = limit(Scope::Default, "", Period::Month, cost(1000), world.now);
        let first = reservation(user, 100, world.now);
        assert!(world.admits(&first, std::slice::from_ref(&monthly)).await);
        // From now on there is a daily limit too: the first call holds nothing of it.
        let second = reservation(user, 100, world.now);
        assert!(world.admits(&second, &[daily, monthly]).await);
        world.settle(&first, 0).await;
        assert_eq!(world.counted(user, Period::Day).await.cost_micros, 100, "{}", world.engine);
        assert_eq!(world.counted(user, Period::Month).await.cost_micros, 100, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_new_period_begins_at_nothing() {
    for world in worlds().await {
        let user = UserId(SystemIds.next());
        let limits = [limit(Scope::Default, "", Period::Day, requests(1), world.now)];
        assert!(world.admits(&reservation(user, 0, world.now), &limits).await);
        assert!(!world.admits(&reservation(user, 0, world.now), &limits).await, "{}", world.engine);
        let tomorrow = Period::Day.end(world.now);
        assert!(world.admits(&reservation(user, 0, tomorrow), &limits).await, "{}", world.engine);
        // What is over is forgotten, what is not stays.
        world.store.forget_spent(world.now).await.expect("forgotten");
        assert_eq!(world.counted(user, Period::Day).await.requests, 1, "{}", world.engine);
        world.store.forget_spent(world.now + Duration::from_secs(60 * 24 * 3600)).await.expect("forgotten");
        assert_eq!(world.counted(user, Period::Day).await.requests, 0, "{}", world.engine);
    }
}
