/**
 * Launch measurements of TDs from their firmware image: the pages a VMM would add and extend before
 * it finalizes the build, taken into the MRTD stream of the {@code module} package. It reads the
 * TDX metadata that OVMF and td-shim images carry. The order of adding and extending is the host's
 * choice and a parameter here.
 */
@NullMarked
package dev.cocovisor.tdx.measure;

import org.jspecify.annotations.NullMarked;
