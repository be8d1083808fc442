//! Places for boxes and bends for arrows: layers from the top down, few crossings, straight lines where possible.
//! It knows sizes and arrows only, never what is in a box.
//!
//! The method is the usual one for layered drawings (Sugiyama, Tagawa, Toda 1981): longest path for the layers, barycentres
//! for the order, and for the coordinates the least squares of the distances to neighbours under the gaps that must stay,
//! which is an isotonic regression (pool adjacent violators).

/// Space between two boxes of a layer, between a box and an arrow that passes, and between two such arrows.
const GAP: f64 = 36.0;
const BESIDE: f64 = 18.0;
const BETWEEN: f64 = 6.0;
/// Space between two layers.
const LAYER: f64 = 56.0;
/// Width of the lane of an arrow that passes a layer.
const LANE: f64 = 14.0;
/// How often the order of each layer and the coordinates are improved.
const SWEEPS: usize = 60;

/// A box's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placed {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Places of all boxes, and for each arrow the points it goes through, its ends included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) nodes: Vec<Placed>,
    pub(crate) edges: Vec<Vec<(f64, f64)>>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Something in a layer: a box, or an arrow that passes.
#[derive(Debug, Clone)]
struct Cell {
    layer: usize,
    width: f64,
    height: f64,
    /// Its centre.
    x: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

impl Cell {
    /// Whether an arrow passes here.
    fn is_lane(&self) -> bool {
        self.height == 0.0
    }
}

/// Places boxes of these sizes; arrows lead from the first of a pair to the second and form no circle.
pub(crate) fn place(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let layers = layers(sizes.len(), edges);
    let mut cells: Vec<Cell> = sizes
        .iter()
        .zip(&layers)
        .map(|((width, height), layer)| Cell {
            layer: *layer,
            width: *width,
            height: *height,
            x: 0.0,
            above: Vec::new(),
            below: Vec::new(),
        })
        .collect();
    let ways: Vec<Vec<usize>> = edges.iter().map(|edge| way(&mut cells, *edge)).collect();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
    for (at, cell) in cells.iter().enumerate() {
        if let Some(row) = rows.get_mut(cell.layer) {
            row.push(at);
        }
    }
    order(&mut rows, &cells);
    coordinates(&rows, &mut cells);
    finish(&rows, &cells, &ways, sizes.len())
}

/// For each box, the longest way to it.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0_usize; count];
    // At most one round for each box, as nothing goes in a circle.
    for _ in 0..count {
        let mut changed = false;
        for (from, to) in edges {
            let least = layers.get(*from).map_or(0, |layer| layer + 1);
            if let Some(layer) = layers.get_mut(*to).filter(|layer| **layer < least) {
                *layer = least;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    layers
}

/// The cells that an arrow goes through; where it passes layers, cells are made.
fn way(cells: &mut Vec<Cell>, (from, to): (usize, usize)) -> Vec<usize> {
    let layer = |cells: &Vec<Cell>, at: usize| cells.get(at).map_or(0, |cell| cell.layer);
    let mut way = vec![from];
    for passed in layer(cells, from) + 1..layer(cells, to) {
        way.push(cells.len());
        cells.push(Cell { layer: passed, width: LANE, height: 0.0, x: 0.0, above: Vec::new(), below: Vec::new() });
    }
    way.push(to);
    for (upper, lower) in way.iter().zip(way.iter().skip(1)) {
        if let Some(cell) = cells.get_mut(*upper) {
            cell.below.push(*lower);
        }
        if let Some(cell) = cells.get_mut(*lower) {
            cell.above.push(*upper);
        }
    }
    way
}

/// Orders each layer by the middle of what it is tied to, down and up in turn, and keeps the order with the fewest crossings.
fn order(rows: &mut Vec<Vec<usize>>, cells: &[Cell]) {
    let mut best = rows.clone();
    let mut fewest = crossings(rows, cells);
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let turns: Vec<usize> = if down { (1..rows.len()).collect() } else { (0..rows.len().saturating_sub(1)).rev().collect() };
        for turn in turns {
            let fixed = if down { turn.checked_sub(1) } else { Some(turn + 1) };
            let places = positions(fixed.and_then(|fixed| rows.get(fixed)).map(Vec::as_slice).unwrap_or_default(), cells.len());
            let Some(row) = rows.get_mut(turn) else { continue };
            let mut keyed: Vec<(f64, usize)> = row
                .iter()
                .enumerate()
                .map(|(own, at)| {
                    let tied = cells.get(*at).map(|cell| if down { &cell.above } else { &cell.below });
                    let near: Vec<f64> = tied.into_iter().flatten().filter_map(|other| places.get(*other).copied().flatten()).collect();
                    (if near.is_empty() { own as f64 } else { near.iter().sum::<f64>() / near.len() as f64 }, *at)
                })
                .collect();
            keyed.sort_by(|left, right| left.0.total_cmp(&right.0));
            *row = keyed.into_iter().map(|(_, at)| at).collect();
        }
        let found = crossings(rows, cells);
        if found < fewest {
            (fewest, best) = (found, rows.clone());
        }
    }
    *rows = best;
}

/// For each cell of a row its place in it.
fn positions(row: &[usize], cells: usize) -> Vec<Option<f64>> {
    let mut places = vec![None; cells];
    for (place, at) in row.iter().enumerate() {
        if let Some(slot) = places.get_mut(*at) {
            *slot = Some(place as f64);
        }
    }
    places
}

/// How many pairs of arrows cross between neighbouring layers.
fn crossings(rows: &[Vec<usize>], cells: &[Cell]) -> usize {
    let mut count = 0;
    for (upper, lower) in rows.iter().zip(rows.iter().skip(1)) {
        let places = positions(lower, cells.len());
        let mut lines: Vec<(usize, f64)> = Vec::new();
        for (at, cell) in upper.iter().enumerate().filter_map(|(at, cell)| Some((at, cells.get(*cell)?))) {
            lines.extend(cell.below.iter().filter_map(|to| Some((at, places.get(*to).copied().flatten()?))));
        }
        for (at, (from, to)) in lines.iter().enumerate() {
            count += lines.iter().skip(at + 1).filter(|(other, end)| other > from && end < to || other < from && end > to).count();
        }
    }
    count
}

/// Moves each cell as near to the middle of its neighbours as the gaps of its layer allow, down and up in turn.
fn coordinates(rows: &[Vec<usize>], cells: &mut [Cell]) {
    for row in rows {
        let wanted = vec![0.0; row.len()];
        settle(row, &wanted, cells);
    }
    for sweep in 0..SWEEPS {
        let turns: Vec<&Vec<usize>> = if sweep % 2 == 0 { rows.iter().collect() } else { rows.iter().rev().collect() };
        for row in turns {
            let wanted: Vec<f64> = row.iter().map(|at| middle(*at, cells)).collect();
            settle(row, &wanted, cells);
        }
    }
}

/// The middle of what a cell is tied to on both sides. Two pieces of one arrow pull at each other the most, so that it is straight.
fn middle(at: usize, cells: &[Cell]) -> f64 {
    let Some(cell) = cells.get(at) else { return 0.0 };
    let (mut sum, mut weights) = (0.0, 0.0);
    for other in cell.above.iter().chain(&cell.below).filter_map(|other| cells.get(*other)) {
        let weight = if cell.is_lane() && other.is_lane() { 12.0 } else { 1.0 };
        sum += other.x * weight;
        weights += weight;
    }
    if weights > 0.0 { sum / weights } else { cell.x }
}

/// The places nearest to the wanted ones that keep the order and the gaps: with the gaps taken off, the nearest rising sequence.
fn settle(row: &[usize], wanted: &[f64], cells: &mut [Cell]) {
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    let mut before: Option<(f64, bool)> = None;
    let shape = |at: &usize| cells.get(*at).map_or((0.0, false), |cell| (cell.width, cell.is_lane()));
    for (width, lane) in row.iter().map(shape) {
        if let Some((other, other_lane)) = before {
            let gap = match (lane, other_lane) {
                (true, true) => BETWEEN,
                (false, false) => GAP,
                _ => BESIDE,
            };
            offset += f64::midpoint(other, width) + gap;
        }
        offsets.push(offset);
        before = Some((width, lane));
    }
    // Blocks of (weighted sum, weight, how many): each stands at its mean, and means rise. A bend in an arrow is worse than
    // a box that is a little off.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for ((wanted, offset), (_, lane)) in wanted.iter().zip(&offsets).zip(row.iter().map(shape)) {
        let weight = if lane { 4.0 } else { 1.0 };
        blocks.push(((wanted - offset) * weight, weight, 1));
        while let [.., left, right] = blocks.as_slice()
            && left.0 / left.1 > right.0 / right.1
        {
            let joined = (left.0 + right.0, left.1 + right.1, left.2 + right.2);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    let means: Vec<f64> = blocks.iter().flat_map(|(sum, weight, count)| std::iter::repeat_n(sum / weight, *count)).collect();
    for ((at, offset), mean) in row.iter().zip(&offsets).zip(means) {
        if let Some(cell) = cells.get_mut(*at) {
            cell.x = mean + offset;
        }
    }
}

/// Heights of the layers, everything moved to the right of and below the origin, and the points of the arrows.
fn finish(rows: &[Vec<usize>], cells: &[Cell], ways: &[Vec<usize>], boxes: usize) -> Layout {
    let left = cells.iter().map(|cell| cell.x - cell.width / 2.0).fold(f64::INFINITY, f64::min);
    let left = if left.is_finite() { left } else { 0.0 };
    let right = cells.iter().map(|cell| cell.x + cell.width / 2.0).fold(left, f64::max);
    let mut tops = Vec::new();
    let mut top = 0.0;
    for row in rows {
        let height = row.iter().filter_map(|at| cells.get(*at)).map(|cell| cell.height).fold(0.0, f64::max);
        tops.push((top, height));
        top += height + LAYER;
    }
    let band = |cell: &Cell| tops.get(cell.layer).copied().unwrap_or((0.0, 0.0));
    let placed = |cell: &Cell| {
        let (top, height) = band(cell);
        Placed { x: cell.x - cell.width / 2.0 - left, y: top + (height - cell.height) / 2.0, width: cell.width, height: cell.height }
    };
    let nodes: Vec<Placed> = cells.iter().take(boxes).map(placed).collect();
    let edges = ways.iter().map(|way| points(way, cells, &nodes, &band, left)).collect();
    Layout { nodes, edges, width: right - left, height: (top - LAYER).max(0.0) }
}

/// The points of an arrow: out of the bottom of a box, straight through each layer it passes, into the top of another.
fn points(way: &[usize], cells: &[Cell], nodes: &[Placed], band: &dyn Fn(&Cell) -> (f64, f64), left: f64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (at, cell) in way.iter().enumerate().filter_map(|(at, cell)| Some((at, cells.get(*cell)?))) {
        let own = way.get(at).copied().unwrap_or(0);
        match nodes.get(own) {
            Some(node) if at == 0 => {
                let ends = port(own, way.get(1).copied(), &cell.below, cells, node);
                points.push((ends, node.y + node.height));
                // Straight to the end of the layer, so that no higher box beside it is cut.
                points.push((ends, band(cell).0 + band(cell).1));
            }
            Some(node) => {
                let ends = port(own, way.get(at.wrapping_sub(1)).copied(), &cell.above, cells, node);
                points.push((ends, band(cell).0));
                points.push((ends, node.y));
            }
            None => {
                let (top, height) = band(cell);
                points.push((cell.x - left, top));
                points.push((cell.x - left, top + height));
            }
        }
    }
    points.dedup();
    points
}

/// Where an arrow meets its box: all on one side are spread over its middle half, in the order of where they come from.
fn port(own: usize, other: Option<usize>, all: &[usize], cells: &[Cell], node: &Placed) -> f64 {
    let place = |at: usize| cells.get(at).map_or(0.0, |cell| cell.x);
    let mut sorted: Vec<usize> = all.to_vec();
    sorted.sort_by(|left, right| place(*left).total_cmp(&place(*right)));
    let count = sorted.len().max(1) as f64;
    let number = sorted.iter().position(|at| Some(*at) == other).unwrap_or(0) as f64;
    debug_assert!(own < cells.len());
    let spread = (node.width / 2.0).min(24.0 * (count - 1.0));
    let share = if count > 1.0 { number / (count - 1.0) - 0.5 } else { 0.0 };
    node.x + node.width / 2.0 + share * spread
}

#[cfg(test)]
mod tests {
    use super::{Placed, place};

    fn overlap(left: &Placed, right: &Placed) -> bool {
        left.x < right.x + right.width && right.x < left.x + left.width && left.y < right.y + right.height && right.y < left.y + left.height
    }

    #[test]
    fn no_boxes_overlap_and_every_arrow_leads_down() {
        // A sequence of its own for each trial; the same ones every time.
        let mut state = 7_u64;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % end
        };
        for _ in 0..200 {
            let count = 1 + below(24);
            let sizes: Vec<(f64, f64)> = (0..count).map(|_| (40.0 + below(300) as f64, 20.0 + below(120) as f64)).collect();
            let mut edges = Vec::new();
            for to in 1..count {
                edges.extend((0..below(4)).map(|_| (below(to), to)));
            }
            edges.sort_unstable();
            edges.dedup();
            let layout = place(&sizes, &edges);
            for (at, node) in layout.nodes.iter().enumerate() {
                assert!(node.x >= -0.01 && node.x + node.width <= layout.width + 0.01 && node.y + node.height <= layout.height + 0.01);
                assert!(!layout.nodes.iter().skip(at + 1).any(|other| overlap(node, other)), "{layout:?}");
            }
            for points in &layout.edges {
                assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{points:?}");
            }
        }
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let layout = place(&[(100.0, 40.0), (60.0, 40.0), (200.0, 40.0)], &[(0, 1), (1, 2)]);
        let centres: Vec<f64> = layout.nodes.iter().map(|node| node.x + node.width / 2.0).collect();
        assert!(centres.iter().all(|centre| (centre - 100.0).abs() < 0.01), "{centres:?}");
    }
}
