//! The numbered events under the running hash. A *session* is one instruction that makes events: the gateway's account, borrowed, and the
//! pages they go to.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    accounts::{EventPage, Gateway},
    limits::BODY_WORDS,
    seeds,
    words::compress,
};

use crate::{
    access::{Data, NewAccount, absent, address, create, open, open_gateway, proven},
    chain, codec,
};

/// One instruction that may make events.
pub(crate) struct Session<'a> {
    /// The gateway's account.
    pub gateway: Gateway<Data<'a>>,
    /// Its address.
    pub address: &'a Word,
    /// This program.
    pub program: &'a Address,
    /// Who pays the rent of new accounts.
    pub payer: &'a AccountView,
    /// Time; never before what the gateway saw earlier, though a chain's clock may be.
    pub now: u64,
    /// Slot.
    pub slot: u64,
    pages: [&'a AccountView; 2],
}

impl<'a> Session<'a> {
    /// Opens a session over the accounts that every such instruction begins with.
    #[inline(never)]
    pub(crate) fn new(program: &'a Address, accounts: &'a [AccountView]) -> Result<Self, GatewayError> {
        let [gateway, payer, _system, page, next, ..] = accounts else {
            return Err(GatewayError::AccountMissing);
        };
        let data = open_gateway(gateway, program)?;
        let (slot, time) = chain::clock()?;
        let now = time.max(data.time());
        Ok(Self { gateway: data, address: address(gateway), program, payer, now, slot, pages: [page, next] })
    }

    /// The same for what users and submitters do, once the set-up is over.
    #[inline(always)]
    pub(crate) fn active(program: &'a Address, accounts: &'a [AccountView]) -> Result<Self, GatewayError> {
        let session = Self::new(program, accounts)?;
        if session.gateway.active() == 0 { Err(GatewayError::NotActive) } else { Ok(session) }
    }

    /// The sequence of the next event: the version of a position that it moves.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        self.gateway.count()
    }

    /// Appends an event and folds it into the running hash.
    #[inline(never)]
    pub(crate) fn append(&mut self, kind: u8, body: &[Word]) -> Result<(), GatewayError> {
        let (sequence, before) = (self.gateway.count(), self.gateway.hash());
        let mut compact = [0; BODY_WORDS * 33];
        let length = compress(body, &self.gateway.dictionary(), &mut compact).ok_or(GatewayError::MalformedContent)?;
        let compact = compact.get(..length).unwrap_or_default();
        let words = u8::try_from(body.len()).map_err(|_| GatewayError::MalformedContent)?;

        let mut page = self.page(length)?;
        if page.records() == 0 {
            page.set_first(sequence);
            page.set_before(before);
        }
        page.append(kind, words, self.now, self.slot, compact)?;

        self.gateway.set_hash(codec::next_hash(&before, sequence, kind, self.now, body));
        self.gateway.set_count(sequence.checked_add(1).ok_or(GatewayError::Overflow)?);
        self.gateway.set_time(self.now);
        Ok(())
    }

    /// The page that a record with `length` bytes of words goes to. Others may have filled the current one since the transaction was made:
    /// then the next one is used, and made where nobody has done it.
    fn page(&mut self, length: usize) -> Result<EventPage<Data<'a>>, GatewayError> {
        let current = self.gateway.page();
        if let Some(page) = self.find(current)? {
            if page.room() >= length.saturating_add(tim3_solana_interface::limits::RECORD_HEADER) {
                return Ok(page);
            }
            drop(page); // it is looked at again, as the one it is not
            let next = current.checked_add(1).ok_or(GatewayError::TableFull)?;
            let page = match self.find(next)? {
                Some(page) => page,
                None => self.make(next)?,
            };
            self.gateway.set_page(next);
            return Ok(page);
        }
        // Only the first page of all can be current without being there.
        if current == 0 && self.gateway.count() == 0 { self.make(current) } else { Err(GatewayError::PageMissing) }
    }

    /// The page with this number, if it was given and exists.
    fn find(&self, number: u32) -> Result<Option<EventPage<Data<'a>>>, GatewayError> {
        for account in self.pages {
            if !account.owned_by(self.program) {
                continue;
            }
            let Ok(page) = EventPage::new(open(account, self.program)?) else { continue };
            if page.gateway() == *self.address && page.page() == number {
                let number = number.to_le_bytes();
                let seeds = seeds::events(self.address, &number);
                proven(account, &seeds, page.bump(), self.program)?;
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn make(&self, number: u32) -> Result<EventPage<Data<'a>>, GatewayError> {
        for account in self.pages.into_iter().filter(|account| absent(account)) {
            match make_page(account, self.payer, self.address, number, self.program) {
                Err(GatewayError::WrongAddress) => {}
                made => return made,
            }
        }
        Err(GatewayError::PageMissing)
    }
}

/// Makes a page.
#[inline(always)]
pub(crate) fn make_page<'a>(
    account: &'a AccountView,
    payer: &'a AccountView,
    gateway: &Word,
    number: u32,
    program: &'a Address,
) -> Result<EventPage<Data<'a>>, GatewayError> {
    let new = NewAccount { account, payer, owner: program, length: EventPage::LENGTH };
    let bump = create(&new, &seeds::events(gateway, &number.to_le_bytes()), program)?;
    let mut page = EventPage::create(open(account, program)?)?;
    page.set_gateway(*gateway);
    page.set_page(number);
    page.set_bump(bump);
    Ok(page)
}

/// The words of an event, collected.
pub(crate) struct Body {
    words: [Word; BODY_WORDS],
    length: usize,
}

impl Body {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { words: [ZERO; BODY_WORDS], length: 0 }
    }

    #[inline(always)]
    pub(crate) fn word(&mut self, word: &Word) -> &mut Self {
        if let Some(place) = self.words.get_mut(self.length) {
            *place = *word;
        }
        self.length = self.length.saturating_add(1);
        self
    }

    #[inline(always)]
    pub(crate) fn number(&mut self, value: u128) -> &mut Self {
        self.word(&tim3_solana_interface::words::of_u128(value))
    }

    #[inline(always)]
    pub(crate) fn words(&mut self, words: &[Word]) -> &mut Self {
        for word in words {
            self.word(word);
        }
        self
    }

    /// What was collected; empty where it was too much, which no event is.
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[Word] {
        self.words.get(..self.length).unwrap_or_default()
    }
}
