//! A picture of the modules of all crates: each row imports only from rows below it.

use super::modules::Crate;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where the picture is.
pub const PICTURE: &str = "docs/modules.svg";

const WIDTH: usize = 800;
const MARGIN: usize = 16;
const BOX_HEIGHT: usize = 22;
const ROW: usize = 40;
/// What a letter takes, and what is around a name.
const LETTER: usize = 7;
const PADDING: usize = 14;

/// The modules at the top of a crate, and who of them imports whom.
struct Graph {
    title: String,
    rows: Vec<Vec<String>>,
    edges: BTreeSet<(String, String)>,
}

/// The picture as SVG.
pub fn draw(crates: &[Crate]) -> String {
    let names: BTreeSet<&str> = crates.iter().map(|modules| modules.name.as_str()).collect();
    let mut body = String::new();
    let mut y = MARGIN;
    // Those that others stand on come last.
    let mut order: Vec<&Crate> = crates.iter().collect();
    order.sort_by_key(|modules| std::cmp::Reverse(height(modules, crates, names.len())));
    for modules in order {
        y = draw_crate(&mut body, &graph(modules, &names), y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>Modules of all crates</title>\n\
         <desc>Each row of modules imports only from rows below it. Made by `cargo xtask structure --picture`.</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

/// How many crates stand below one.
fn height(modules: &Crate, crates: &[Crate], steps: usize) -> usize {
    let Some(steps) = steps.checked_sub(1) else {
        return 0;
    };
    let below = crates.iter().filter(|other| {
        other.name != modules.name && modules.externals().contains(&other.name.replace('-', "_"))
    });
    below
        .map(|other| 1 + height(other, crates, steps))
        .max()
        .unwrap_or(0)
}

fn graph(modules: &Crate, names: &BTreeSet<&str>) -> Graph {
    let top = |index: usize| {
        let name = &modules.modules[index].name;
        name.split("::").next().unwrap_or_default().to_owned()
    };
    let mut edges = BTreeSet::new();
    for edge in modules.edges() {
        let (from, to) = (top(edge.from), top(edge.to));
        if from != to && !from.is_empty() && !to.is_empty() {
            edges.insert((from, to));
        }
    }
    let all = (0..modules.modules.len()).map(top);
    let all: BTreeSet<String> = all.filter(|name| !name.is_empty()).collect();
    let levels = levels(&all, &edges);
    let count = levels.values().max().map_or(0, |level| level + 1);
    let mut rows = vec![Vec::new(); count];
    for (name, level) in levels {
        rows[count - 1 - level].push(name);
    }
    let externals = modules.externals();
    let below: Vec<&str> = names
        .iter()
        .filter(|name| **name != modules.name && externals.contains(&name.replace('-', "_")))
        .copied()
        .collect();
    let root = modules.modules[0].file.file_stem().unwrap_or_default();
    let command = if root == "main" { " (command)" } else { "" };
    let imports = match below.is_empty() {
        true => String::new(),
        false => format!(" imports {}", below.join(", ")),
    };
    Graph {
        title: format!("{}{command}{imports}", modules.name),
        rows,
        edges,
    }
}

/// How many modules stand below each, in the longest line; those of a cycle stand side by side.
fn levels(names: &BTreeSet<String>, edges: &BTreeSet<(String, String)>) -> BTreeMap<String, usize> {
    let mut levels: BTreeMap<String, usize> = names.iter().map(|name| (name.clone(), 0)).collect();
    let one_way: Vec<_> = edges
        .iter()
        .filter(|(from, to)| !reaches(to, from, edges))
        .collect();
    // No line is longer than there are modules.
    for _ in names {
        for (from, to) in &one_way {
            let above = levels.get(to).map_or(0, |level| level + 1);
            if let Some(level) = levels.get_mut(from) {
                *level = above.max(*level);
            }
        }
    }
    levels
}

/// Whether one module imports another, directly or by others.
fn reaches(from: &str, to: &str, edges: &BTreeSet<(String, String)>) -> bool {
    let mut next = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(at) = next.pop() {
        for (_, below) in edges.iter().filter(|(above, _)| above == at) {
            if below == to {
                return true;
            }
            if seen.insert(below) {
                next.push(below);
            }
        }
    }
    false
}

/// Draws a crate from `y` on, and returns where it ends.
fn draw_crate(body: &mut String, graph: &Graph, mut y: usize) -> usize {
    let Graph { title, rows, edges } = graph;
    y += 18;
    let _ = writeln!(
        body,
        "<text x=\"{MARGIN}\" y=\"{y}\" font-size=\"15\" font-weight=\"bold\">{title}</text>"
    );
    y += 12;
    // The middle of each box.
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut boxes = String::new();
    for row in rows {
        // Spread over the width: lines pass between the boxes of other rows then.
        let widths = row.iter().map(|name| name.len() * LETTER + PADDING);
        let free = (WIDTH - 2 * MARGIN).saturating_sub(widths.sum());
        let gap = free / (row.len() + 1);
        let mut x = MARGIN + gap;
        for name in row {
            let width = name.len() * LETTER + PADDING;
            let middle = (x + width / 2, y + BOX_HEIGHT / 2);
            places.insert(name, middle);
            let _ = writeln!(
                boxes,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"4\" fill=\"#eef4fb\" stroke=\"#35618e\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                middle.0,
                middle.1 + 4
            );
            x += width + gap;
        }
        y += ROW;
    }
    for (from, to) in edges {
        if let Some(((x1, y1), (x2, y2))) = places.get(&**from).zip(places.get(&**to)) {
            let _ = writeln!(
                body,
                "<path d=\"M{x1} {y1}L{x2} {y2}\" stroke=\"#35618e\" stroke-opacity=\".35\"/>"
            );
        }
    }
    body.push_str(&boxes);
    y + MARGIN / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_stands_above_all_that_it_imports_and_beside_those_of_its_cycle() {
        let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let edges = BTreeSet::from([
            edge("a", "b"),
            edge("b", "c"),
            edge("a", "c"),
            edge("c", "b"),
        ]);
        let names = ["a", "b", "c", "d"].map(str::to_owned).into();
        let levels = levels(&names, &edges);
        assert_eq!(Vec::from_iter(levels.into_values()), [1, 0, 0, 0]);
    }
}
