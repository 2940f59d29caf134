//! A prefix tree over prompts: what prompts have in common at their beginning is computed once.
//!
//! CLIP's text tower is causal: a token's result depends on the tokens before it only. Prompts in the order of their token
//! ids have equal beginnings side by side, so that each needs only the tokens that it does not share with the one
//! before; those are its segment. Walking along the segments is walking through the tree, depth first.
//!
//! Where every token sees all others, as in SigLIP's text tower, only equal prompts share anything; SigLIP's are filled up
//! besides.

use std::borrow::Cow;

use crate::clip::tokenizer::prompt_tokenizer::Filling;
use crate::kernels::Segment;

/// Prompts in the order of their tokens.
#[derive(Debug, Clone)]
pub(in crate::clip) struct PromptOrder<'a> {
    prompts: Vec<Cow<'a, [u32]>>,
    /// What every prompt is filled up with.
    filling: Option<Filling>,
    /// Indices of the prompts, sorted.
    order: Vec<usize>,
    /// Tokens that each, in that order, shares with the one before it.
    shared: Vec<usize>,
}

impl<'a> PromptOrder<'a> {
    /// `filling` for prompts that are filled up, and share nothing but themselves.
    pub(in crate::clip) fn new<P: Into<Cow<'a, [u32]>>>(prompts: Vec<P>, filling: Option<Filling>) -> Self {
        let prompts: Vec<Cow<'a, [u32]>> = prompts.into_iter().map(Into::into).collect();
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by(|&a, &b| prompts[a].cmp(&prompts[b]));
        let before = std::iter::once(&[][..]).chain(order.iter().map(|&at| &*prompts[at]));
        let shared = |(before, &at): (&[u32], &usize)| match filling {
            None => common(before, &prompts[at]),
            Some(filling) if before == &*prompts[at] => before.len().max(filling.length),
            Some(_) => 0,
        };
        let shared = before.zip(&order).map(shared).collect();
        Self { prompts, filling, order, shared }
    }

    /// Tokens of a prompt, with those that fill it up.
    fn length(&self, at: usize) -> usize {
        self.prompts[at].len().max(self.filling.map_or(0, |filling| filling.length))
    }

    /// Tokens to compute: the nodes of the tree.
    pub(in crate::clip) fn nodes(&self) -> usize {
        let new = |(&at, shared): (&usize, &usize)| self.length(at) - shared;
        self.order.iter().zip(&self.shared).map(new).sum()
    }

    /// Cuts the prompts into groups that are each a tree of at most `nodes` tokens, or one prompt. What the first of a
    /// group shares with the last of the one before is computed again.
    pub(in crate::clip) fn groups(&self, nodes: usize) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut filled = 0;
        for (&at, shared) in self.order.iter().zip(&self.shared) {
            let tokens = self.length(at);
            match groups.last_mut() {
                Some(group) if filled + tokens - shared <= nodes => {
                    group.push(at);
                    filled += tokens - shared;
                }
                _ => {
                    groups.push(vec![at]);
                    filled = tokens;
                }
            }
        }
        groups
    }

    /// The tree of all prompts.
    pub(in crate::clip) fn tree(&self) -> PromptTree {
        let mut tree = PromptTree { segment_of: vec![0; self.prompts.len()], ..PromptTree::default() };
        for (&at, &shared) in self.order.iter().zip(&self.shared) {
            if shared < self.length(at) || tree.segments.is_empty() {
                tree.append(&self.prompts[at][shared..], shared, self.filling);
            }
            tree.segment_of[at] = tree.segments.len() - 1;
        }
        tree
    }

    /// The tree in which nothing is shared, for comparisons.
    pub(in crate::clip) fn separate(&self) -> PromptTree {
        let mut tree = PromptTree { segment_of: (0..self.prompts.len()).collect(), ..PromptTree::default() };
        for prompt in &self.prompts {
            tree.append(prompt, 0, self.filling);
        }
        tree
    }
}

/// Tokens to compute, depth first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::clip) struct PromptTree {
    /// `[nodes]`
    pub tokens: Vec<u32>,
    /// Each token's position in its prompts, `[nodes]`.
    pub positions: Vec<usize>,
    /// The tokens that each distinct prompt adds.
    pub segments: Vec<Segment>,
    /// For each prompt, the segment at whose last token it ends.
    pub segment_of: Vec<usize>,
}

impl PromptTree {
    /// `tokens` from a position on, filled up.
    fn append(&mut self, tokens: &[u32], position: usize, filling: Option<Filling>) {
        let length = tokens.len().max(filling.map_or(0, |filling| filling.length.saturating_sub(position)));
        let first_row = self.tokens.len();
        self.segments.push(Segment { first_row, tokens: length, position });
        self.positions.extend(position..position + length);
        self.tokens.extend(tokens);
        self.tokens.resize(first_row + length, filling.map_or(0, |filling| filling.token));
    }
}

/// Number of equal tokens at the beginning.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn prompts() -> impl Strategy<Value = Vec<Vec<u32>>> {
        // Few tokens and short prompts: prefixes of each other and duplicates are frequent.
        proptest::collection::vec(proptest::collection::vec(0u32..3, 1..7), 1..40)
    }

    /// The tokens of a prompt, read off the tree.
    fn path(tree: &PromptTree, prompt: usize) -> Vec<u32> {
        let mut path = Vec::new();
        for segment in &tree.segments[..=tree.segment_of[prompt]] {
            path.truncate(segment.position);
            path.extend(&tree.tokens[segment.first_row..][..segment.tokens]);
        }
        path
    }

    proptest! {
        #[test]
        fn every_prompt_is_a_path(prompts in prompts()) {
            let order = PromptOrder::new(prompts.iter().map(Vec::as_slice).collect(), None);
            for tree in [order.tree(), order.separate()] {
                for (at, prompt) in prompts.iter().enumerate() {
                    prop_assert_eq!(&path(&tree, at), prompt);
                    let last = tree.segments[tree.segment_of[at]];
                    prop_assert_eq!(last.position + last.tokens, prompt.len());
                }
                prop_assert!(tree.segments.iter().all(|segment| segment.tokens > 0));
            }
        }

        #[test]
        fn nothing_is_computed_twice(prompts in prompts()) {
            let order = PromptOrder::new(prompts.iter().map(Vec::as_slice).collect(), None);
            let prefixes: HashSet<&[u32]> =
                prompts.iter().flat_map(|prompt| (1..=prompt.len()).map(|end| &prompt[..end])).collect();
            prop_assert_eq!(order.tree().tokens.len(), prefixes.len());
            prop_assert_eq!(order.nodes(), prefixes.len());
        }

        #[test]
        fn groups_are_small_and_complete(prompts in prompts(), nodes in 1usize..30) {
            let order = PromptOrder::new(prompts.iter().map(Vec::as_slice).collect(), None);
            let groups = order.groups(nodes);
            let mut all = groups.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..prompts.len()).collect::<Vec<_>>());
            for group in groups {
                let tree = PromptOrder::new(group.iter().map(|&at| prompts[at].as_slice()).collect(), None).tree();
                prop_assert!(tree.tokens.len() <= nodes || group.len() == 1);
            }
        }
    }

    proptest! {
        #[test]
        fn prompts_that_are_filled_up_share_themselves_only(prompts in prompts(), nodes in 1usize..30) {
            let order = PromptOrder::new(
                prompts.iter().map(Vec::as_slice).collect(),
                Some(Filling { token: 9, length: 7 }),
            );
            let distinct: HashSet<&Vec<u32>> = prompts.iter().collect();
            prop_assert_eq!(order.nodes(), 7 * distinct.len());
            let tree = order.tree();
            prop_assert_eq!((tree.tokens.len(), tree.segments.len()), (7 * distinct.len(), distinct.len()));
            for tree in [tree, order.separate()] {
                for (at, prompt) in prompts.iter().enumerate() {
                    let segment = tree.segments[tree.segment_of[at]];
                    prop_assert_eq!((segment.tokens, segment.position), (7, 0));
                    let tokens = &tree.tokens[segment.first_row..][..7];
                    prop_assert_eq!(&tokens[..prompt.len()], prompt.as_slice());
                    prop_assert!(tokens[prompt.len()..].iter().all(|token| *token == 9));
                    prop_assert!((0..7).eq(tree.positions[segment.first_row..][..7].iter().copied()));
                }
            }
            for group in order.groups(nodes) {
                let distinct: HashSet<&Vec<u32>> = group.iter().map(|&at| &prompts[at]).collect();
                prop_assert!(7 * distinct.len() <= nodes || distinct.len() == 1);
            }
        }
    }

    #[test]
    fn prompts_that_begin_alike() {
        let prompts: [&[u32]; 4] = [&[1, 2, 9], &[1, 2, 3, 9], &[1, 2, 9], &[1, 4, 9]];
        let tree = PromptOrder::new(prompts.to_vec(), None).tree();
        assert_eq!(tree.tokens, [1, 2, 3, 9, 9, 4, 9]);
        assert_eq!(tree.positions, [0, 1, 2, 3, 2, 1, 2]);
        assert_eq!(tree.segment_of, [1, 0, 1, 2]);
        let segment = |first_row, tokens, position| Segment { first_row, tokens, position };
        assert_eq!(tree.segments, [segment(0, 4, 0), segment(4, 1, 2), segment(5, 2, 1)]);
    }
}
