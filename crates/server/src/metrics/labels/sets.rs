//! A label, and the series that several labels make together.

#[derive(Clone, Copy, Debug)]
pub struct LabelSet {
    pub name: &'static str,
    pub values: fn() -> &'static [&'static str],
}

/// The value of one label.
pub trait Label: Copy {
    const NAME: &'static str;
    fn values() -> &'static [&'static str];
    fn index(self) -> usize;
    fn value(self) -> &'static str {
        Self::values()[self.index()]
    }
}

/// The values of all labels of a metric. Its series are all their combinations.
pub trait Labels: Copy {
    const SETS: &'static [LabelSet];
    fn series() -> usize;
    /// The values of one series, in the order of the labels.
    fn values_of(index: usize) -> Vec<&'static str>;
    fn series_index(self) -> usize;
}

impl Labels for () {
    const SETS: &'static [LabelSet] = &[];
    fn series() -> usize {
        1
    }
    fn values_of(_: usize) -> Vec<&'static str> {
        Vec::new()
    }
    fn series_index(self) -> usize {
        0
    }
}

pub(super) const fn set<L: Label>() -> LabelSet {
    LabelSet { name: L::NAME, values: L::values }
}

impl<A: Label> Labels for A {
    const SETS: &'static [LabelSet] = &[set::<A>()];
    fn series() -> usize {
        A::values().len()
    }
    fn values_of(index: usize) -> Vec<&'static str> {
        vec![A::values()[index]]
    }
    fn series_index(self) -> usize {
        self.index()
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    const SETS: &'static [LabelSet] = &[set::<A>(), set::<B>()];
    fn series() -> usize {
        A::series() * B::series()
    }
    fn values_of(index: usize) -> Vec<&'static str> {
        vec![A::values()[index / B::series()], B::values()[index % B::series()]]
    }
    fn series_index(self) -> usize {
        self.0.index() * B::series() + self.1.index()
    }
}

impl<A: Label, B: Label, C: Label> Labels for (A, B, C) {
    const SETS: &'static [LabelSet] = &[set::<A>(), set::<B>(), set::<C>()];
    fn series() -> usize {
        <(A, B)>::series() * C::series()
    }
    fn values_of(index: usize) -> Vec<&'static str> {
        let mut values = <(A, B)>::values_of(index / C::series());
        values.push(C::values()[index % C::series()]);
        values
    }
    fn series_index(self) -> usize {
        (self.0, self.1).series_index() * C::series() + self.2.index()
    }
}
