/**
 * The Reverse Map Table: who owns each page of physical memory, the instructions that change that,
 * and the checks that processor and devices make. It is hardware: no KVM in it, and no policy. Page
 * states, instruction codes and fault codes are each one table here.
 */
@NullMarked
package dev.cocovisor.snp.rmp;

import org.jspecify.annotations.NullMarked;
