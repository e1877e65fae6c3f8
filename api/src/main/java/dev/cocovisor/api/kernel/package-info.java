/**
 * What differs between kernels, as a table: a row for each rule, an answer for each state of it,
 * each with its source and who saw it. A {@link dev.cocovisor.api.kernel.KernelProfile} binds one
 * answer a row for one host; the code that needs it asks for the row's strategy, never for a
 * version. The core's rows and each backend's are of one kind.
 */
@NullMarked
package dev.cocovisor.api.kernel;

import org.jspecify.annotations.NullMarked;
