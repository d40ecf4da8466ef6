//! What a label is, and which series several of them make.

/// A label's name and values.
#[derive(Clone, Copy, Debug)]
pub struct LabelSet {
    pub name: &'static str,
    pub values: fn() -> &'static [&'static str],
}

/// The value of one label.
pub trait Label: Copy {
    const NAME: &'static str;
    fn values() -> &'static [&'static str];
    /// Which of the values.
    fn index(self) -> usize;
    fn value(self) -> &'static str {
        Self::values()[self.index()]
    }
}

/// The values of all of a metric's labels. Its series are the combinations that can be.
pub trait Labels: Copy {
    const SETS: &'static [LabelSet];
    fn series() -> usize;
    /// The values of one series, in the order of the labels.
    fn values_of(place: usize) -> Vec<&'static str>;
    /// Which of the series.
    fn place(self) -> usize;
}

impl Labels for () {
    const SETS: &'static [LabelSet] = &[];
    fn series() -> usize {
        1
    }
    fn values_of(_: usize) -> Vec<&'static str> {
        Vec::new()
    }
    fn place(self) -> usize {
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
    fn values_of(place: usize) -> Vec<&'static str> {
        vec![A::values()[place]]
    }
    fn place(self) -> usize {
        self.index()
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    const SETS: &'static [LabelSet] = &[set::<A>(), set::<B>()];
    fn series() -> usize {
        A::series() * B::series()
    }
    fn values_of(place: usize) -> Vec<&'static str> {
        vec![A::values()[place / B::series()], B::values()[place % B::series()]]
    }
    fn place(self) -> usize {
        self.0.index() * B::series() + self.1.index()
    }
}

impl<A: Label, B: Label, C: Label> Labels for (A, B, C) {
    const SETS: &'static [LabelSet] = &[set::<A>(), set::<B>(), set::<C>()];
    fn series() -> usize {
        <(A, B)>::series() * C::series()
    }
    fn values_of(place: usize) -> Vec<&'static str> {
        let mut values = <(A, B)>::values_of(place / C::series());
        values.push(C::values()[place % C::series()]);
        values
    }
    fn place(self) -> usize {
        (self.0, self.1).place() * C::series() + self.2.index()
    }
}
