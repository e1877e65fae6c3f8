/**
 * The commands that ask this machine's own KVM. They print; what is run and how is the live
 * module's.
 */
@NullMarked
package dev.cocovisor.cli.live;

import org.jspecify.annotations.NullMarked;
