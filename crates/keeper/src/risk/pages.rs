//! Records that never move: growing costs one page, not a copy of everything.

const PAGE: usize = 4_096;

#[derive(Clone, Debug)]
pub(super) struct Pages<T>(Vec<Vec<T>>);

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Pages<T> {
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let slot = usize::try_from(slot).ok()?;
        self.0.get(slot / PAGE)?.get(slot % PAGE)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let slot = usize::try_from(slot).ok()?;
        self.0.get_mut(slot / PAGE)?.get_mut(slot % PAGE)
    }

    pub(super) fn push(&mut self, record: T) {
        match self.0.last_mut().filter(|page| page.len() < PAGE) {
            Some(page) => page.push(record),
            None => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(record);
                self.0.push(page);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.iter().fold(self.0.capacity().saturating_mul(size_of::<Vec<T>>()), |bytes, page| {
            bytes.saturating_add(page.capacity().saturating_mul(size_of::<T>()))
        })
    }
}
