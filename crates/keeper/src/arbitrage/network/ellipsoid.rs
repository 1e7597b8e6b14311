//! The least value of a convex function above a floor, by the ellipsoid method with deep cuts.

use super::fixed::Fixed;

/// A bound on the work: twenty tokens and sixty binary digits need fewer.
const MOST_STEPS: usize = 20_000;

/// The least value of `function`, which gives a value and a subgradient, at points not below `floor` and within three times of it. What
/// is returned was found at such a point, so that it is never below the least value.
pub(super) fn minimum(floor: &[Fixed], function: impl Fn(&[Fixed]) -> (Fixed, Vec<Fixed>)) -> Fixed {
    let dimensions = u128::try_from(floor.len()).unwrap_or(u128::MAX);
    if dimensions < 2 {
        return Fixed::ZERO;
    }
    let (mut best, _) = function(floor);
    let mut search = Ellipsoid::around(floor, dimensions);
    for _ in 0..MOST_STEPS {
        let lowest = floor.iter().zip(&search.center).enumerate().map(|(at, (floor, x))| (floor.minus(*x), at)).max();
        let (cut, excess) = match lowest.filter(|(below, _)| *below > Fixed::ZERO) {
            // Outside: everything on this side of the floor is cut off.
            Some((below, at)) => {
                let down = |other| if other == at { Fixed::ZERO.minus(Fixed::ONE) } else { Fixed::ZERO };
                ((0..floor.len()).map(down).collect(), below)
            }
            None => {
                let (value, gradient) = function(&search.center);
                best = best.min(value);
                (gradient, value.minus(best))
            }
        };
        if !search.cut(&cut, excess, dimensions) {
            break;
        }
    }
    best
}

/// Where the least value is: all x with (x − center)ᵀ shape⁻¹ (x − center) ≤ 1.
struct Ellipsoid {
    center: Vec<Fixed>,
    shape: Vec<Vec<Fixed>>,
}

impl Ellipsoid {
    /// The one around the box from the floor to three times the floor.
    fn around(floor: &[Fixed], dimensions: u128) -> Self {
        let square = |x: &Fixed| x.times(*x).times(Fixed::whole(dimensions));
        let row = |(at, x): (usize, &Fixed)| {
            (0..floor.len()).map(|other| if other == at { square(x) } else { Fixed::ZERO }).collect()
        };
        let center = floor.iter().map(|x| x.plus(*x)).collect();
        Self { center, shape: floor.iter().enumerate().map(row).collect() }
    }

    /// Keeps the part with `cut · (x − center) + excess ≤ 0`. `false` where nothing is left to gain.
    fn cut(&mut self, cut: &[Fixed], excess: Fixed, dimensions: u128) -> bool {
        let product = |row: &Vec<Fixed>| dot(row, cut);
        let along: Vec<Fixed> = self.shape.iter().map(product).collect();
        let width = dot(&along, cut).root();
        // What could still be gained is less than the width; below 2^-60 it no longer shows in 18 decimals.
        if width <= Fixed::ratio(1, 1 << 60) || excess >= width {
            return false;
        }
        let (n, one) = (Fixed::whole(dimensions), Fixed::ONE);
        let depth = excess.over(width);
        let step: Vec<Fixed> = along.iter().map(|x| x.over(width)).collect();
        let share = one.plus(n.times(depth)).over(n.plus(one));
        for (x, step) in self.center.iter_mut().zip(&step) {
            *x = x.minus(share.times(*step));
        }
        let grow = n.times(n).times(one.minus(depth.times(depth))).over(n.times(n).minus(one));
        let shrink = share.plus(share).over(one.plus(depth));
        for (row, a) in self.shape.iter_mut().zip(&step) {
            for (entry, b) in row.iter_mut().zip(&step) {
                *entry = grow.times(entry.minus(shrink.times(a.times(*b))));
            }
        }
        true
    }
}

fn dot(a: &[Fixed], b: &[Fixed]) -> Fixed {
    a.iter().zip(b).fold(Fixed::ZERO, |sum, (a, b)| sum.plus(a.times(*b)))
}
