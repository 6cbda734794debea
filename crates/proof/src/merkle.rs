//! One digest over many records, so that each can be shown to be among them (RFC 6962, section 2.1, and RFC 9162, section 2.1.1, with SHA-256).

use crate::digest::Digest;

/// Prefixes of a record and of two digests in the tree, so that neither can be taken for the other.
const LEAF: &[u8] = &[0];
const NODE: &[u8] = &[1];

/// The root over records in order: of none the digest of nothing, of one `SHA-256(0, record)`, of more `SHA-256(1, left, right)`,
/// where the left part has as many records as the greatest power of two below their number.
pub fn root<T: AsRef<[u8]>>(records: &[T]) -> Digest {
    let leaves: Vec<Digest> = records.iter().map(|record| Digest::of(&[LEAF, record.as_ref()])).collect();
    root_of(&leaves)
}

fn root_of(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len().div_ceil(2).next_power_of_two());
            Digest::of(&[NODE, &root_of(left).0, &root_of(right).0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_roots_of_certificate_transparency() {
        // The test vectors of the reference implementation: inputs of 0 to 16 bytes.
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        for (count, expected) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(root(&inputs[..count]).to_string(), expected, "{count}");
        }
    }

    #[test]
    fn every_change_of_a_record_or_of_the_order_changes_the_root() {
        let records: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let own = root(&records);
        for index in 0..records.len() {
            let mut other = records.clone();
            other[index] += "x";
            assert_ne!(root(&other), own);
            let mut other = records.clone();
            other.swap(index, (index + 1) % records.len());
            assert_ne!(root(&other), own);
            assert_ne!(root(&records[..index]), own);
        }
    }
}
