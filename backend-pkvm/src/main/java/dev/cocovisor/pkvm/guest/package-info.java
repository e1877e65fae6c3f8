/**
 * What a guest under pKVM does by itself. Loads and stores are the core's own actions; hypercalls
 * are {@link dev.cocovisor.pkvm.guest.Hvc}. Depends on the contracts only.
 */
@NullMarked
package dev.cocovisor.pkvm.guest;

import org.jspecify.annotations.NullMarked;
