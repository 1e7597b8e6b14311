// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Synthetic} from "../src/Synthetic.sol";

contract SyntheticTest is Test {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    Synthetic private token;

    function setUp() public {
        token = new Synthetic("TIM3", "TIM3", address(this));
    }

    function test_onlyTheGatewayMintsAndBurns() public {
        token.mint(address(1), 5);
        token.burn(address(1), 2);
        assertEq(token.balanceOf(address(1)), 3);
        assertEq(token.totalSupply(), 3);
        assertEq(token.decimals(), 6);
        vm.startPrank(address(1));
        vm.expectRevert(Synthetic.NotGateway.selector);
        token.mint(address(1), 1);
        vm.expectRevert(Synthetic.NotGateway.selector);
        token.burn(address(1), 1);
        vm.stopPrank();
    }

    function test_permit() public {
        (address owner, uint256 key) = makeAddrAndKey("owner");
        bytes32 hash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, address(2), 7, 0, block.timestamp));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        token.permit(owner, address(2), 7, block.timestamp, v, r, s);
        assertEq(token.allowance(owner, address(2)), 7);
        vm.expectRevert();
        token.permit(owner, address(2), 7, block.timestamp, v, r, s);
    }
}
