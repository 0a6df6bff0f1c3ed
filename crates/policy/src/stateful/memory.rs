//! What is remembered of one rule, and how steps come together in it.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use sysflow_field::{Arg, FieldId, View};

use super::plan::{Earlier, Lineage, Plan, Step, Throttle, values_of};
use super::store::{Store, Weighed};

/// Ancestors that are looked at.
const MAX_ANCESTORS: usize = 64;

/// Observations of a threshold that an alert tells of.
const SHOWN: usize = 8;

/// The memory of one rule.
pub(super) struct Memory {
    pub(super) store: Store<State>,
    pub(super) throttle: Store<Folded>,
    pub(super) without_key: u64,
    pub(super) alerts: u64,
    pub(super) folded: u64,
}

/// What is remembered at a key.
pub(super) enum State {
    Count {
        times: VecDeque<i64>,
        latest: VecDeque<Earlier>,
        within: i64,
    },
    Distinct {
        times: HashMap<Box<[u8]>, i64, RandomState>,
        bytes: usize,
        newest: i64,
        latest: VecDeque<Earlier>,
        within: i64,
    },
    /// The latest chain of each length; see [`Memory::sequence`].
    Chains(Vec<Vec<Earlier>>, Option<i64>),
    /// The latest observation of each step.
    Together(Vec<Option<Earlier>>, i64),
}

impl Weighed for State {
    fn bytes(&self) -> usize {
        let of = |earlier: &Earlier| {
            let values = earlier.values.iter().map(|value| 16 + value.len());
            size_of::<Earlier>() + values.sum::<usize>()
        };
        match self {
            Self::Count { times, latest, .. } => {
                8 * times.capacity() + latest.iter().map(of).sum::<usize>()
            }
            Self::Distinct { bytes, latest, .. } => bytes + latest.iter().map(of).sum::<usize>(),
            Self::Chains(chains, _) => chains.iter().flatten().map(of).sum(),
            Self::Together(latest, _) => {
                let absent = latest.len() * size_of::<Earlier>();
                absent + latest.iter().flatten().map(of).sum::<usize>()
            }
        }
    }

    fn expired(&self, now: i64) -> bool {
        let over = |newest: Option<i64>, within: i64| {
            newest.is_none_or(|newest| newest.saturating_add(within) < now)
        };
        match self {
            Self::Count { times, within, .. } => over(times.back().copied(), *within),
            Self::Distinct { newest, within, .. } => over(Some(*newest), *within),
            Self::Chains(chains, within) => within.is_some_and(|within| {
                let starts = chains.iter().filter_map(|chain| chain.first());
                over(starts.map(|first| first.time).max(), within)
            }),
            Self::Together(latest, within) => {
                over(latest.iter().flatten().map(|e| e.time).max(), *within)
            }
        }
    }
}

/// Alerts since the last that was told.
pub(super) struct Folded {
    last: i64,
    count: u64,
    every: i64,
}

impl Weighed for Folded {
    fn bytes(&self) -> usize {
        0
    }

    fn expired(&self, now: i64) -> bool {
        self.last.saturating_add(self.every) <= now
    }
}

/// What has come together.
pub(super) struct Complete {
    pub(super) count: u64,
    pub(super) observations: Vec<Earlier>,
}

/// Fills `key` with the values that must be the same; whether all are there.
pub(super) fn fill_key<V: View>(step: &Step, view: &V, key: &mut Vec<u8>) -> bool {
    key.clear();
    step.by.iter().all(|part| part.append(view, key))
}

impl Memory {
    pub(super) fn each<V: View>(
        &mut self,
        plan: &Plan,
        view: &V,
        time: i64,
        places: &[usize],
        key: &mut Vec<u8>,
    ) -> Option<Complete> {
        let place = *places.first()?;
        if !fill_key(&plan.steps[place], view, key) {
            self.without_key += 1;
            return None;
        }
        Some(Complete {
            count: 1,
            observations: vec![Earlier {
                step: place as u32,
                time,
                values: values_of(key),
            }],
        })
    }

    pub(super) fn count<V: View>(
        &mut self,
        plan: &Plan,
        view: &V,
        time: i64,
        places: &[usize],
        key: &mut Vec<u8>,
        (needed, within): (u64, i64),
    ) -> Option<Complete> {
        let needed = needed as usize;
        // However many rules an observation is counted for, it is one.
        let place = *places.first()?;
        let step = &plan.steps[place];
        if !fill_key(step, view, key) {
            self.without_key += 1;
            return None;
        }
        let mut value = Vec::new();
        let has_values = step
            .distinct
            .iter()
            .all(|part| part.append(view, &mut value));
        if !has_values {
            self.without_key += 1;
            return None;
        }
        let state = self.store.remove(key);
        let mut state = state.unwrap_or_else(|| match step.distinct.as_slice() {
            [] => State::Count {
                times: VecDeque::new(),
                latest: VecDeque::new(),
                within,
            },
            _ => State::Distinct {
                times: HashMap::default(),
                bytes: 0,
                newest: time,
                latest: VecDeque::new(),
                within,
            },
        });
        let live = |then: i64| then.saturating_add(within) >= time;
        let (count, latest) = match &mut state {
            State::Count { times, latest, .. } => {
                while times.front().is_some_and(|then| !live(*then)) {
                    times.pop_front();
                }
                times.push_back(time);
                if times.len() >= needed {
                    times.retain(|then| live(*then));
                }
                (times.len(), latest)
            }
            State::Distinct {
                times,
                bytes,
                newest,
                latest,
                ..
            } => {
                *newest = time.max(*newest);
                let length = value.len();
                if let Some(then) = times.get_mut(value.as_slice()) {
                    *then = time.max(*then);
                } else {
                    *bytes += DISTINCT_OVERHEAD + length;
                    times.insert(value.clone().into(), time);
                }
                if times.len() >= needed {
                    times.retain(|value, then| {
                        if !live(*then) {
                            *bytes -= DISTINCT_OVERHEAD + value.len();
                        }
                        live(*then)
                    });
                }
                (times.len(), latest)
            }
            State::Chains(..) | State::Together(..) => return None,
        };
        if latest.len() == SHOWN {
            latest.pop_front();
        }
        let mut values = values_of(key);
        values.extend(values_of(&value));
        latest.push_back(Earlier {
            step: place as u32,
            time,
            values,
        });
        if count < needed {
            self.store.put(key, state, time);
            return None;
        }
        Some(Complete {
            count: count as u64,
            observations: std::mem::take(latest).into(),
        })
    }

    /// At each key the latest chain of each length is enough. Its last time is the latest, and so is its
    /// first: a chain made later continues a chain made later. So whatever could continue another chain of
    /// that length can continue this one.
    pub(super) fn sequence<V: View>(
        &mut self,
        plan: &Plan,
        view: &V,
        time: i64,
        places: &[usize],
        key: &mut Vec<u8>,
        (within, lineage): (Option<i64>, Option<&Lineage>),
    ) -> Option<Complete> {
        let last = plan.steps.len() - 1;
        let processes = lineage.map_or_else(Vec::new, |lineage| lineage.of(view));
        // From the last step to the first, as one observation takes one step of a chain only.
        for place in places.iter().rev().copied() {
            let step = &plan.steps[place];
            let no_process = lineage.is_some() && processes.is_empty();
            if !fill_key(step, view, key) || no_process {
                self.without_key += 1;
                continue;
            }
            let now = Earlier {
                step: place as u32,
                time,
                values: values_of(key),
            };
            let length = key.len();
            let anchors = match (lineage, place) {
                // A first step is the start of a lineage.
                (None, _) | (Some(_), 0) => 1,
                (Some(_), _) => processes.len(),
            };
            for anchor in 0..anchors {
                key.truncate(length);
                if let Some(process) = processes.get(anchor) {
                    key.extend_from_slice(&process.to_le_bytes());
                }
                let chain = if place == 0 {
                    vec![now.clone()]
                } else {
                    let Some(State::Chains(chains, _)) = self.store.get(key) else {
                        continue;
                    };
                    let chain = &chains[place - 1];
                    let (Some(first), Some(before)) = (chain.first(), chain.last()) else {
                        continue;
                    };
                    let near = |then: i64, within: Option<i64>| {
                        then <= time
                            && within.is_none_or(|within| time.saturating_sub(then) <= within)
                    };
                    if !near(before.time, step.within) || !near(first.time, within) {
                        continue;
                    }
                    let mut chain = chain.clone();
                    chain.push(now.clone());
                    chain
                };
                if place == last {
                    self.store.remove(key);
                    return Some(Complete {
                        count: chain.len() as u64,
                        observations: chain,
                    });
                }
                let state = self.store.remove(key);
                let state = state.unwrap_or_else(|| State::Chains(vec![Vec::new(); last], within));
                let State::Chains(mut chains, _) = state else {
                    continue;
                };
                let known = chains[place].last();
                if known.is_none_or(|known| known.time <= time) {
                    chains[place] = chain;
                }
                self.store.put(key, State::Chains(chains, within), time);
            }
        }
        None
    }

    pub(super) fn together<V: View>(
        &mut self,
        plan: &Plan,
        view: &V,
        time: i64,
        places: &[usize],
        key: &mut Vec<u8>,
        (needed, within): (usize, i64),
    ) -> Option<Complete> {
        for place in places.iter().copied() {
            if !fill_key(&plan.steps[place], view, key) {
                self.without_key += 1;
                continue;
            }
            let state = self.store.remove(key);
            let state =
                state.unwrap_or_else(|| State::Together(vec![None; plan.steps.len()], within));
            let State::Together(mut latest, _) = state else {
                continue;
            };
            let known = latest[place].as_ref();
            if known.is_none_or(|known| known.time <= time) {
                latest[place] = Some(Earlier {
                    step: place as u32,
                    time,
                    values: values_of(key),
                });
            }
            let live = |earlier: &&Earlier| earlier.time.saturating_add(within) >= time;
            let count = latest.iter().flatten().filter(live).count();
            if count < needed {
                self.store.put(key, State::Together(latest, within), time);
                continue;
            }
            let mut observations: Vec<Earlier> =
                latest.iter().flatten().filter(live).cloned().collect();
            observations.sort_by_key(|earlier| earlier.time);
            return Some(Complete {
                count: count as u64,
                observations,
            });
        }
        None
    }

    /// How many alerts were folded since the last, or `None` if this one is folded too.
    pub(super) fn throttled<V: View>(
        &mut self,
        throttle: &Throttle,
        view: &V,
        time: i64,
        key: &mut Vec<u8>,
    ) -> Option<u64> {
        key.clear();
        for part in &throttle.per {
            if !part.append(view, key) {
                // No value is a value too: an alert must not get lost.
                key.extend_from_slice(&u32::MAX.to_le_bytes());
            }
        }
        let every = throttle.every;
        let known = self.throttle.remove(key);
        let folded = match known {
            Some(known) if time.saturating_sub(known.last) < every => {
                let more = Folded {
                    count: known.count + 1,
                    ..known
                };
                self.throttle.put(key, more, time);
                self.folded += 1;
                return None;
            }
            Some(known) => known.count,
            None => 0,
        };
        let told = Folded {
            last: time,
            count: 0,
            every,
        };
        self.throttle.put(key, told, time);
        Some(folded)
    }
}

/// What a counted value costs besides its bytes.
const DISTINCT_OVERHEAD: usize = 48;

impl Lineage {
    /// The process and its ancestors, nearest first.
    pub(super) fn of<V: View>(&self, view: &V) -> Vec<i64> {
        let mut processes = Vec::new();
        let mut collect = |(field, arg): &(FieldId, Arg)| {
            view.visit(*field, arg, |value| {
                if let Some(process) = value.as_int()
                    && !processes.contains(&process)
                {
                    processes.push(process);
                }
                if processes.len() < MAX_ANCESTORS {
                    std::ops::ControlFlow::Continue(())
                } else {
                    std::ops::ControlFlow::Break(())
                }
            });
        };
        collect(&self.own);
        collect(&self.ancestors);
        processes
    }
}
