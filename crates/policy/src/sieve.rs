//! Leaves out many rules with one question: what several rules need is found out once, and if it is not so,
//! none of them is asked.
//!
//! A rule *needs* a part of its condition if it is false wherever the part is: the parts of a conjunction, and
//! those of conjunctions in it. Two kinds of questions are made of that:
//!
//! - a [lookup](crate::lookup): where rules need that a field has one of some values, the values that it has
//!   are looked up, and lead to the rules that want them;
//! - a node that several rules need.

use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, Role};

use crate::bits::{self, Sparse};
use crate::lookup::{Lookup, Wanted};
use crate::predicate::{Predicate, Question};
use crate::program::{Builder, Node, NodeId};

/// Parts that are taken note of for one rule; the cheapest come first.
const MOST_NEEDED: usize = 64;

/// Questions that are asked about one observation.
const MOST_STEPS: usize = 64;

/// So many rules must hang on an answer. One alone asks for itself, and what is cheapest first.
pub(crate) const LEAST_RULES: u32 = 2;

/// So many sets of values must be wanted of a field for a lookup to be better than asking for each.
const LEAST_SETS: usize = 3;

/// What a node may cost, however few rules need it: what costs more is left to the rules, which ask for what is
/// cheap before.
const MOST_COST: u32 = 20;

/// What it may cost for each rule that needs it: it saves each of them a question or two.
const MOST_COST_OF_EACH: u32 = 4;

/// What looking a value up costs, in the same measure.
const LOOKUP_COST: u32 = 3;

/// A question, and the rules that can only match if the answer is right.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) rules: Sparse,
    pub(crate) ask: Ask,
    cost: u32,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Whether a part of the program is true.
    Node(NodeId),
    /// Which values a field has.
    Values(Box<Lookup>),
}

/// Questions for the rules of an index.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    steps: Vec<Step>,
    /// For each operation, and then for observations of none or several, the steps in their order.
    orders: Vec<Box<[u32]>>,
}

impl Sieve {
    /// Questions for rules with these conditions, of which `by_operation` has those for each operation.
    pub(crate) fn new(
        roots: &[NodeId],
        by_operation: &[Box<[u64]>],
        catalogue: &Catalogue,
        builder: &Builder,
    ) -> Self {
        let needed = needed(roots, builder);
        let mut steps = Vec::new();
        let mut is_looked_up = vec![false; builder.len()];
        for (question, nodes) in by_question(&needed, catalogue, builder) {
            if nodes.len() < LEAST_SETS {
                continue;
            }
            let mut rules: Vec<u32> = Vec::new();
            let mut lookup = Lookup::new(question.clone());
            for (node, wanted) in nodes {
                is_looked_up[node.0 as usize] = true;
                rules.extend(&needed[&node]);
                lookup.add(&wanted, sparse(&needed[&node]));
            }
            rules.sort_unstable();
            steps.push(Step {
                rules: sparse(&rules),
                ask: Ask::Values(lookup.into()),
                cost: LOOKUP_COST,
            });
        }
        let covered = covered(&needed, builder);
        for (node, rules) in &needed {
            let is_worth_it = is_shared_and_cheap(*node, rules, builder)
                && !is_looked_up[node.0 as usize]
                && !covered.contains(node)
                && !is_found_by_index(*node, catalogue, builder);
            if is_worth_it {
                steps.push(Step {
                    rules: sparse(rules),
                    ask: Ask::Node(*node),
                    cost: builder.cost(*node).max(1),
                });
            }
        }
        let all = vec![u64::MAX; bits::words(roots.len())].into_boxed_slice();
        let sets = by_operation.iter().chain([&all]);
        let orders = sets.map(|set| order(&steps, set)).collect();
        Self { steps, orders }
    }

    /// The questions for an observation of these operations, in their order.
    pub(crate) fn steps(&self, operations: u64) -> impl Iterator<Item = &Step> {
        let order = if operations.is_power_of_two() {
            self.orders.get(operations.trailing_zeros() as usize)
        } else {
            self.orders.last()
        };
        let order = order.map_or(&[][..], |order| order);
        order.iter().map(|step| &self.steps[*step as usize])
    }

    /// The nodes that are asked for: their answers are worth remembering.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.steps.iter().filter_map(|step| match step.ask {
            Ask::Node(node) => Some(node),
            Ask::Values(_) => None,
        })
    }
}

/// A set of rules that come in order, some perhaps twice.
fn sparse(rules: &[u32]) -> Sparse {
    Sparse::new(rules.iter().map(|rule| *rule as usize))
}

/// The nodes that rules need, with these rules in their order.
fn needed(roots: &[NodeId], builder: &Builder) -> BTreeMap<NodeId, Vec<u32>> {
    let mut needed: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
    for (rule, root) in roots.iter().enumerate() {
        let mut own = vec![*root];
        let mut next = 0;
        while let Some(node) = own.get(next).copied() {
            if let Node::All(parts) = builder.node(node) {
                let room = MOST_NEEDED.saturating_sub(own.len());
                own.extend(parts.iter().take(room));
            }
            next += 1;
        }
        own.sort_unstable();
        own.dedup();
        for node in own {
            needed.entry(node).or_default().push(rule as u32);
        }
    }
    needed
}

/// Nodes that want values of a field, by field.
fn by_question<'b>(
    needed: &BTreeMap<NodeId, Vec<u32>>,
    catalogue: &Catalogue,
    builder: &'b Builder,
) -> Vec<(&'b Question, Vec<(NodeId, Wanted<'b>)>)> {
    let mut places: HashMap<&Question, usize, RandomState> = HashMap::default();
    let mut found: Vec<(&Question, Vec<_>)> = Vec::new();
    for node in needed.keys() {
        let Some((question, wanted)) = Wanted::of(*node, builder) else {
            continue;
        };
        // What the index answers by operation and kind is not asked again.
        if catalogue.field(question.field).role != Role::Plain {
            continue;
        }
        let place = *places.entry(question).or_insert(found.len());
        if place == found.len() {
            found.push((question, Vec::new()));
        }
        found[place].1.push((*node, wanted));
    }
    found
}

/// Whether a node asks for what the index looks at before: the operation or the kind.
fn is_found_by_index(node: NodeId, catalogue: &Catalogue, builder: &Builder) -> bool {
    let Node::Test(test) = builder.node(node) else {
        return false;
    };
    match builder.predicate(*test) {
        Predicate::Field { question, .. } => catalogue.field(question.field).role != Role::Plain,
        _ => false,
    }
}

/// The parts of conjunctions that the same rules need as a whole and in part: to ask for the whole is enough.
fn covered(needed: &BTreeMap<NodeId, Vec<u32>>, builder: &Builder) -> HashSet<NodeId, RandomState> {
    let mut covered = HashSet::default();
    for (whole, rules) in needed {
        let Node::All(parts) = builder.node(*whole) else {
            continue;
        };
        // Whoever needs the whole needs the part, so as many rules are the same rules.
        let is_covered = |part: &&NodeId| {
            let of_part = needed.get(part);
            of_part.is_some_and(|of_part| of_part.len() == rules.len())
        };
        if is_shared_and_cheap(*whole, rules, builder) {
            covered.extend(parts.iter().filter(is_covered));
        }
    }
    covered
}

fn is_shared_and_cheap(node: NodeId, rules: &[u32], builder: &Builder) -> bool {
    let most = MOST_COST.max(MOST_COST_OF_EACH.saturating_mul(rules.len() as u32));
    rules.len() >= LEAST_RULES as usize && builder.cost(node) <= most
}

/// The steps that are worth taking for a set of rules: those first that leave out the most for what they cost.
fn order(steps: &[Step], rules: &[u64]) -> Box<[u32]> {
    let numbered = steps.iter().enumerate();
    let mut order: Vec<(u32, u32, u32)> = numbered
        .map(|(number, step)| (step.cost, step.rules.common(rules), number as u32))
        .filter(|(_, rules, _)| *rules >= LEAST_RULES)
        .collect();
    order.sort_by_key(|(cost, rules, number)| (cost * 1000 / rules, *number));
    order.truncate(MOST_STEPS);
    order.into_iter().map(|(_, _, number)| number).collect()
}
