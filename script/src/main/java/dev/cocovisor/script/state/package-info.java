/**
 * What a host's tables say at one moment, as strips: those of KVM, of the trusted half, and the
 * guest's memory as the sum of them. Looking changes nothing and costs what is in the tables, never
 * the size of the memory. Nothing here knows a technology; each shows its own tables.
 */
@NullMarked
package dev.cocovisor.script.state;

import org.jspecify.annotations.NullMarked;
