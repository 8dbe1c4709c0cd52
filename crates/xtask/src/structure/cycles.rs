//! Cycles in a graph of modules.

use super::modules::{Crate, Edge};
use std::collections::{BTreeSet, VecDeque};

/// Modules that import each other, directly or by others.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle {
    /// All of them, by name.
    pub modules: BTreeSet<String>,
    /// A shortest way round: `a -> b -> a`, with a line for each step that says where it is.
    pub way: Vec<String>,
}

/// The cycles of a crate; each module is in one at most.
pub fn find(modules: &Crate) -> Vec<Cycle> {
    let edges = modules.edges();
    let count = modules.modules.len();
    let reached: Vec<BTreeSet<usize>> = (0..count).map(|from| reachable(from, &edges)).collect();
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut cycles = Vec::new();
    for start in 0..count {
        if !reached[start].contains(&start) || seen.contains(&start) {
            continue;
        }
        let within: BTreeSet<usize> = reached[start]
            .iter()
            .copied()
            .filter(|&other| reached[other].contains(&start))
            .collect();
        seen.extend(&within);
        cycles.push(Cycle {
            modules: within.iter().map(|&index| name(modules, index)).collect(),
            way: shortest(&within, &edges)
                .iter()
                .map(|edge| step(modules, edge))
                .collect(),
        });
    }
    cycles
}

/// What a module is called; the root has the name of its file.
pub fn name(modules: &Crate, index: usize) -> String {
    let module = &modules.modules[index];
    if module.name.is_empty() {
        let stem = module.file.file_stem().unwrap_or_default();
        return stem.to_string_lossy().into_owned();
    }
    module.name.clone()
}

fn step(modules: &Crate, edge: &Edge) -> String {
    let (from, to) = (name(modules, edge.from), name(modules, edge.to));
    let file = modules.modules[edge.from].file.display();
    format!("{from} -> {to} ({file}:{}: {})", edge.line, edge.path)
}

/// All that `from` imports, and what that imports.
fn reachable(from: usize, edges: &[Edge]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        for edge in edges.iter().filter(|edge| edge.from == at) {
            if reached.insert(edge.to) {
                next.push(edge.to);
            }
        }
    }
    reached
}

/// The shortest way round among modules that reach each other.
fn shortest<'e>(within: &BTreeSet<usize>, edges: &'e [Edge]) -> Vec<&'e Edge> {
    let ways = within.iter().filter_map(|&start| {
        let mut ways = VecDeque::from([Vec::new()]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let at = way.last().map_or(start, |edge: &&Edge| edge.to);
            if at == start && !way.is_empty() {
                return Some(way);
            }
            for edge in edges
                .iter()
                .filter(|edge| edge.from == at && within.contains(&edge.to))
            {
                if seen.insert(edge.to) {
                    ways.push_back([&way[..], &[edge]].concat());
                }
            }
        }
        None
    });
    ways.min_by_key(Vec::len).unwrap_or_default()
}
