/**
 * A small technology that exists nowhere, whose backend keeps every rule: the kit's own yardstick.
 * Its trusted half, the monitor, owns frames and keeps the guests' tables; its kernel half follows
 * KVM's TDX code in shape. The zoo breaks it in one place at a time.
 */
@NullMarked
package dev.cocovisor.tck.reference;

import org.jspecify.annotations.NullMarked;
