/**
 * Tests of kernel profiles: which answer a row gives on which kernel, and what each strategy does
 * in a VM.
 */
@NullMarked
package dev.cocovisor.core.kernel;

import org.jspecify.annotations.NullMarked;
