//! Which of the chats that wait are whose. Every worker decides for itself, by the same rule and
//! from what all of them say of themselves, so that they divide the work instead of racing for it.

use std::ops::Range;

use crate::domain::WorkerId;

/// A worker and how many more chats of one kind it can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) worker: WorkerId,
    pub(super) free: u32,
}

impl Offer {
    /// The one with the most room comes first.
    fn precedes(&self, other: &Self) -> bool {
        (other.free, self.worker) < (self.free, other.worker)
    }
}

/// How many other workers come before `mine`.
pub(super) fn rank(mine: Offer, others: &[Offer]) -> u32 {
    let before = others.iter().filter(|other| other.precedes(&mine)).count();
    u32::try_from(before).unwrap_or(u32::MAX)
}

/// How many of `waiting` chats are for `mine`: as large a part as its part of all room, rounded up.
pub(super) fn share(waiting: u32, mine: Offer, others: &[Offer]) -> u32 {
    part(waiting, mine.free, room(mine, others))
}

/// Which of a list of `waiting` chats are for `mine`, where everyone looks at the same list.
pub(super) fn slice(waiting: u32, mine: Offer, others: &[Offer]) -> Range<u32> {
    let room = room(mine, others);
    let before: u64 = others
        .iter()
        .filter(|other| other.precedes(&mine))
        .map(|other| u64::from(part(waiting, other.free, room)))
        .sum();
    let begin = u32::try_from(before).unwrap_or(u32::MAX).min(waiting);
    begin..begin.saturating_add(part(waiting, mine.free, room)).min(waiting)
}

fn room(mine: Offer, others: &[Offer]) -> u64 {
    others.iter().map(|other| u64::from(other.free)).sum::<u64>() + u64::from(mine.free)
}

fn part(waiting: u32, free: u32, room: u64) -> u32 {
    if room == 0 {
        return 0;
    }
    let part = (u64::from(waiting) * u64::from(free)).div_ceil(room);
    u32::try_from(part).unwrap_or(u32::MAX).min(free)
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};

    use super::*;

    fn offers(free: &[u32]) -> Vec<Offer> {
        free.iter().map(|free| Offer { worker: WorkerId(SystemIds.next()), free: *free }).collect()
    }

    /// What each of `offers` takes of a list of `waiting` chats.
    fn slices(waiting: u32, offers: &[Offer]) -> Vec<Range<u32>> {
        let slice_of = |mine: &Offer| {
            let others: Vec<Offer> = offers.iter().filter(|other| *other != mine).copied().collect();
            slice(waiting, *mine, &others)
        };
        offers.iter().map(slice_of).collect()
    }

    #[test]
    fn a_list_is_divided_by_free_capacity_without_gaps_and_without_overlap() {
        for (free, waiting) in [
            (vec![48, 16], 40),
            (vec![1, 1, 1], 2),
            (vec![5, 0, 7, 3], 11),
            (vec![64; 10], 640),
            (vec![3, 9], 100),
            (vec![0, 0], 5),
            (vec![2, 3], 0),
        ] {
            let offers = offers(&free);
            let mut slices = slices(waiting, &offers);
            for (slice, free) in slices.iter().zip(&free) {
                let taken = slice.end - slice.start;
                assert!(taken <= *free, "{free} free and {taken} taken of {waiting}");
            }
            slices.retain(|slice| !slice.is_empty());
            slices.sort_by_key(|slice| slice.start);
            let mut end = 0;
            for slice in slices {
                assert_eq!(slice.start, end, "{free:?} of {waiting}");
                end = slice.end;
            }
            assert_eq!(end, waiting.min(free.iter().sum()), "{free:?} of {waiting}");
        }
    }

    #[test]
    fn three_times_the_room_gets_three_times_the_chats() {
        assert_eq!(slices(40, &offers(&[48, 16])), [0..30, 30..40]);
        assert_eq!(slices(40, &offers(&[16, 48])), [30..40, 0..30]);
    }

    #[test]
    fn a_single_chat_is_for_the_one_with_the_most_room_and_among_equals_for_one_of_them() {
        assert_eq!(slices(1, &offers(&[5, 9, 2])), [1..1, 0..1, 1..1]);
        let equals = offers(&[4, 4, 4]);
        assert_eq!(slices(1, &equals), [0..1, 1..1, 1..1]);
        assert_eq!(rank(equals[2], &equals[..2]), 2);
        assert_eq!(rank(equals[0], &equals[1..]), 0);
    }

    #[test]
    fn whoever_is_alone_takes_all_that_it_has_room_for() {
        let alone = offers(&[8])[0];
        assert_eq!((share(5, alone, &[]), share(50, alone, &[])), (5, 8));
        assert_eq!(slice(5, alone, &[]), 0..5);
    }

    #[test]
    fn there_is_always_something_to_take_for_whoever_has_room() {
        let mut all = offers(&[1, 1_000_000]);
        let mine = all.remove(0);
        assert_eq!(share(1, mine, &all), 1, "the other may be gone for good");
    }
}
