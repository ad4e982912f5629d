//! Seeds: frozen values, spread, and independence of paths.

use std::collections::HashSet;

use proptest::prelude::{any, prop_assert_ne, proptest};
use raveler_task::{Path, Seed};

/// These values must never change: users' results depend on them.
#[test]
fn the_values_are_frozen() {
    let root = Seed::root(0);
    assert_eq!(root.to_u128(), 0xefa9_626a_7b30_584d_e8e5_0551_fb27_12fe);
    assert_eq!(Seed::root(1).to_u128(), 0x8231_73ca_7f67_077d_899d_d0db_8434_b21f);
    assert_eq!(Seed::root(u64::MAX).to_u128(), 0x5539_6210_804a_2ff2_1d09_69c3_cdd7_ae09);
    assert_eq!(root.child(0).to_u128(), 0x5a0e_e0a3_ae8c_c524_62d5_b1fd_0f5a_e3fe);
    assert_eq!(root.child(1).to_u128(), 0xd00c_470c_d80e_ba0b_caea_08a5_46dd_6537);
    assert_eq!(root.child(u64::MAX).to_u128(), 0xe007_08ee_903b_822b_c398_5481_da46_fd75);
    assert_eq!(root.child(7).child(11).to_u128(), 0x5a10_337b_3813_702e_c5af_bba0_c82b_8c02);
    assert_eq!(root.child(7).to_u64(), 0x43a3_54b8_52ec_993f);
    assert_eq!(root.keyed(b"").to_u128(), 0x28a3_d0e1_120c_a990_ce5b_df8f_5813_61ee);
    assert_eq!(root.keyed(b"train").to_u128(), 0x74c1_dfae_82f4_908e_1081_2c96_a4f0_9400);
    assert_eq!(root.keyed(b"a key of more than one word").to_u128(), 0x0c85_a2e6_5a1b_afdc_ca6c_a7ba_04aa_c8e8);
}

#[test]
fn a_path_is_a_chain_of_children() {
    let path = Path::root().item(3, 14).item(0, 2);
    assert_eq!(path.to_string(), "3[14]/0[2]");
    assert_eq!(path.steps(), [(3, 14), (0, 2)]);
    let root = Seed::root(42);
    assert_eq!(path.seed(root), root.child(3).child(14).child(0).child(2));
    assert_eq!(Path::root().seed(root), root);
}

#[test]
fn neighbours_share_no_value() {
    let mut seen = HashSet::new();
    for seed in 0..20 {
        for call in 0..50 {
            for item in 0..50 {
                assert!(seen.insert(Seed::root(seed).child(call).child(item).to_u64()));
            }
        }
    }
}

/// Flipping one bit of the input flips each bit of the output half of the time.
#[test]
fn every_bit_depends_on_every_bit() {
    const ROUNDS: u64 = 2000;
    for bit in 0..64 {
        let mut flips = [0_u32; 128];
        for round in 0..ROUNDS {
            let number = round.wrapping_mul(0x2545_f491_4f6c_dd1d);
            for derive in [|number| Seed::root(number).to_u128(), |number| Seed::root(9).child(number).to_u128()] {
                let changed = derive(number) ^ derive(number ^ (1 << bit));
                for (position, flips) in flips.iter_mut().enumerate() {
                    *flips += u32::from(changed >> position & 1 == 1);
                }
            }
        }
        let expected = u32::try_from(ROUNDS).expect("a small number");
        for (position, &flips) in flips.iter().enumerate() {
            assert!(flips.abs_diff(expected) < expected / 6, "input bit {bit}, output bit {position}: {flips}");
        }
    }
}

proptest! {
    #[test]
    fn siblings_keys_and_orders_differ(root in any::<u64>(), one in any::<u64>(), other in any::<u64>()) {
        let root = Seed::root(root);
        if one != other {
            prop_assert_ne!(root.child(one), root.child(other));
            prop_assert_ne!(root.child(one).child(other), root.child(other).child(one));
        }
        prop_assert_ne!(root.keyed(&one.to_le_bytes()), root.child(one));
        prop_assert_ne!(root.keyed(b"a"), root.keyed(b"a\0"));
    }
}
